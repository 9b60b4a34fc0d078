// Rows that hold the place of those to come, so that nothing below a table moves when they do.

export function Waiting({ rows, columns }: { rows: number; columns: number }) {
  return (
    <>
      {Array.from({ length: Math.max(0, rows) }, (_, row) => (
        <tr key={`waiting ${row}`} class="waiting" aria-hidden="true">
          <td colSpan={columns} />
        </tr>
      ))}
    </>
  );
}
