/** A kind of play in the host's tab: one line while none runs, with the button that opens its form. */
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

import { Icon, type IconName } from "../../ui/icon";

interface SectionProps {
  title: string;
  /** Said while nothing runs. */
  none: string;
  isEmpty: boolean;
  add: { label: string; icon: IconName; isOff?: boolean; testId: string; onClick: () => void };
  children: ComponentChildren;
  "data-testid": string;
}

export function PlaySection({ title, none, isEmpty, add, children, ...rest }: SectionProps) {
  const id = useId();
  return (
    <section class="play-section" aria-labelledby={id} {...rest}>
      <div class="play-head">
        <h3 id={id}>{title}</h3>
        {isEmpty && <span class="small quiet">{none}</span>}
        <button class="button outline little" disabled={add.isOff ?? false} onClick={add.onClick} data-testid={add.testId}>
          <Icon name={add.icon} size={16} />
          {add.label}
        </button>
      </div>
      {children}
    </section>
  );
}
