import type { ComponentChildren } from "preact";

/** A table that may be wider than the window: it is scrolled in its own frame, by the keyboard, too. */
export function Table({ label, columns, children }: { readonly label: string; readonly columns: readonly string[]; readonly children: ComponentChildren }) {
  return (
    <div class="scroll" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>{columns.map((column) => <th key={column} scope="col">{column}</th>)}</tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
