import { useRef, useState } from "react";
import { useModal } from "./place";
import { inject, type SceneState, type Target } from "./panelApi";

interface Props {
  target: Target;
  scene: SceneState;
  /** With what there is to say about it; empty when it was left. */
  onDone: (words: string) => void;
}

/** Which fault a pod or a node shall suffer: the kinds that the scene knows, and their numbers. */
export function FaultDialog({ target, scene, onDone }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const kinds = "namespace" in target ? scene.kinds : scene.node_kinds;
  const [kind, setKind] = useState(kinds[0]?.name ?? "");
  const [numbers, setNumbers] = useState(scene.numbers);
  const [error, setError] = useState<string | null>(null);
  const heeded = kinds.find((one) => one.name === kind)?.numbers ?? [];
  useModal(dialog);
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    const refused = await inject(target, kind, Object.fromEntries(heeded.map((name) => [name, numbers[name]!])));
    setError(refused);
    if (!refused) onDone(`${target.name} now suffers: ${kind}.`);
  };
  return (
    <dialog ref={dialog} aria-labelledby="fault-title" data-testid="fault-dialog" onClose={() => onDone("")}>
      <form onSubmit={submit}>
        <header>
          <h2 id="fault-title">Inject a fault in {target.name}</h2>
        </header>
        <fieldset className="ticks">
          <legend>Fault</legend>
          {kinds.map((one) => (
            <label key={one.name}>
              <input type="radio" name="kind" value={one.name} checked={kind === one.name} onChange={() => setKind(one.name)} />
              <span>
                {one.name}
                {one.words && <small>{one.words}</small>}
              </span>
            </label>
          ))}
        </fieldset>
        {heeded.map((name) => (
          <label className="number" key={name}>
            <span>{name.replaceAll("_", " ")}</span>
            <input
              type="number"
              min={name === "offset_seconds" ? undefined : 0}
              step="any"
              required
              value={Number.isNaN(numbers[name]) ? "" : numbers[name]}
              onChange={(event) => setNumbers({ ...numbers, [name]: event.target.valueAsNumber })}
            />
          </label>
        ))}
        {error && <p role="alert">{error}</p>}
        <footer>
          <button type="button" className="quiet" onClick={() => onDone("")}>
            Cancel
          </button>
          <button className="primary" data-testid="fault-inject">
            Inject
          </button>
        </footer>
      </form>
    </dialog>
  );
}
