/** How a page of a room begins: its room and token from the address, the texts, the first render. */
import { render, type ComponentChild } from "preact";

import "./base.css";
import { Toasts } from "./toasts";

export function roomOfAddress(): string {
  return decodeURIComponent(location.pathname.split("/")[2] ?? "");
}

export function mount(page: ComponentChild): void {
  const root = document.getElementById("app");
  if (!root) return;
  render(
    <>
      {page}
      <Toasts />
    </>,
    root,
  );
}
