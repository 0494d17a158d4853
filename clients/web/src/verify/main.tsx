import { mount } from "../ui/page";
import { Verify } from "./verify";

mount(<Verify />);
