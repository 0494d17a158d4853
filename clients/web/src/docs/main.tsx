import { mount } from "../ui/page";
import { Docs } from "./docs";

mount(<Docs />);
