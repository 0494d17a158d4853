/** Hearts that rise from a point and go. */
const HUES = ["#ff5a5f", "#ff8a3d", "#ff4f8b", "#ffc24d", "#b57bff"];
const AT_ONCE_MAX = 40;

export class Hearts {
  constructor(private readonly box: HTMLElement) {}

  /** One heart; `x` and `y` in pixels within the box, or from the lower right corner. */
  rise(x?: number, y?: number): void {
    if (document.hidden || this.box.childElementCount >= AT_ONCE_MAX) return;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const heart = document.createElement("span");
    heart.className = "heart";
    heart.textContent = "♥";
    heart.style.left = `${x ?? this.box.clientWidth - 44 + (Math.random() - 0.5) * 18}px`;
    heart.style.top = `${y ?? this.box.clientHeight - 90}px`;
    heart.style.color = HUES[Math.floor(Math.random() * HUES.length)] ?? "";
    heart.style.setProperty("--drift", `${(Math.random() - 0.5) * 90}px`);
    heart.style.setProperty("--turn", `${(Math.random() - 0.5) * 50}deg`);
    heart.addEventListener("animationend", () => heart.remove());
    this.box.append(heart);
  }

  /** Others' likes of the last second, spread over the next one. */
  shower(count: number): void {
    const shown = Math.min(count, 8);
    for (let i = 0; i < shown; i++) setTimeout(() => this.rise(), (i * 1000) / shown);
  }
}
