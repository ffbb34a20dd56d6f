import { useState } from "react";
import { type LogLine, usePolled } from "./panelApi";
import { useStickyEnd } from "./scrolling";

/** The newest lines of one process's log, live, as sentences. */
export function SceneLog({ names }: { names: string[] }) {
  const first = names.find((name) => name.startsWith("worker")) ?? names[0]!;
  const [chosen, setChosen] = useState(first);
  const name = names.includes(chosen) ? chosen : first;
  return (
    <section className="log" aria-label="Log">
      <label>
        Log of
        <select data-testid="log-of" value={name} onChange={(event) => setChosen(event.target.value)}>
          {names.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <Lines key={name} name={name} />
    </section>
  );
}

function Lines({ name }: { name: string }) {
  const { data, problem } = usePolled<{ lines: LogLine[] }>(`/log?name=${encodeURIComponent(name)}`);
  const lines = data?.lines ?? [];
  const { list } = useStickyEnd(lines.at(-1)?.at);
  // It moves all the time: read on request, never read out.
  return (
    <div className="lines" ref={list} tabIndex={0} role="log" aria-live="off" aria-label={`Log of ${name}`} data-testid="log">
      <ol>
        {lines.map((line, at) => (
          <li key={at} className={line.level}>
            {line.at && <time dateTime={line.at}>{new Date(line.at).toLocaleTimeString([], { hourCycle: "h23" })}</time>}{" "}
            {line.level !== "info" && <b>{line.level}</b>} {line.text}
          </li>
        ))}
        {problem && <li className="error">{problem}</li>}
        {data && lines.length === 0 && <li>Nothing yet.</li>}
      </ol>
    </div>
  );
}
