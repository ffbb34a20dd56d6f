import { rendered } from "./Blocks";
import type { Json, State } from "./types";

/** `table` and `data_table`: first row is the head; numbers are right-aligned unless the block says else. */
export function Table({ block, state }: { block: Json; state: State }) {
  const [head, ...rows] = block.rows as Json[][];
  const align = (cell: Json, column: number) =>
    block.column_settings?.[column]?.align ?? (cell.type === "raw_number" ? "right" : "left");
  const content = (cell: Json) => (cell.type === "rich_text" ? rendered(cell, state) : (cell.text ?? cell.value));
  return (
    <div className="table" tabIndex={0} role="region" aria-label={block.caption ?? "Table"}>
      <table>
        {block.caption && <caption>{block.caption}</caption>}
        <thead>
          <tr>
            {head?.map((cell, column) => (
              <th key={column} scope="col" style={{ textAlign: align(cell, column) }}>
                {content(cell)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={at}>
              {row.map((cell, column) => (
                <td key={column} style={{ textAlign: align(cell, column) }}>
                  {content(cell)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
