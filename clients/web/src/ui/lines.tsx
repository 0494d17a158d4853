/** How a price comes about, line by line. */
import { money } from "../i18n/format";
import { t } from "../i18n";
import type { Order, OrderLine } from "../live/wire";

export function Lines({ lines, totalMinor, currency }: {
  lines: readonly Pick<OrderLine, "kind" | "label" | "amount_minor">[];
  totalMinor: number;
  currency: string;
}) {
  return (
    <dl class="lines" data-testid="order-lines">
      {lines.map((line, index) => (
        <div key={index} class={`line-row ${line.kind}`} data-testid="order-line" data-kind={line.kind} data-minor={line.amount_minor}>
          <dt>
            {t(`line.${line.kind}`)}
            {line.label !== "" && line.kind !== "sale" && <span class="quiet"> {line.label}</span>}
          </dt>
          <dd class="numbers">{money(line.amount_minor, currency)}</dd>
        </div>
      ))}
      <div class="line-row sum">
        <dt>{t("buy.total")}</dt>
        <dd>
          <strong class="numbers" data-testid="total" data-minor={totalMinor}>
            {money(totalMinor, currency)}
          </strong>
        </dd>
      </div>
    </dl>
  );
}

/** An order's title and amount in one row. */
export function Summary({ order }: { order: Order }) {
  return (
    <div class="summary">
      <span>
        {order.title} <span class="quiet">× {order.qty}</span>
      </span>
      <strong class="numbers">{money(order.total_minor, order.currency)}</strong>
    </div>
  );
}
