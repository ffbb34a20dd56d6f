import type { Suggesting, Suggestion } from "./suggest";

/** The list box above the composer. The focus stays in the composer, which names the chosen entry to screen readers. */
export function Suggestions({ of, onTake }: { of: Suggesting; onTake: (one: Suggestion) => void }) {
  const count = of.list.length;
  return (
    <>
      <p className="unseen" role="status">
        {count > 0 && `${count} ${count === 1 ? "suggestion" : "suggestions"}, arrow keys to choose, Enter to take`}
      </p>
      {count > 0 && (
        <ul className="suggestions" role="listbox" id={of.id} aria-label="Suggestions">
          {of.list.map((one, index) => (
            <li
              key={one.word}
              id={`${of.id}${index}`}
              role="option"
              aria-selected={index === of.at}
              onPointerDown={(event) => {
                event.preventDefault();
                onTake(one);
              }}
            >
              <b>{one.word}</b> <span>{one.hint}</span>
              {one.note && <small>{one.note}</small>}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
