import { useEffect, useState } from "react";
import { FaultDialog } from "./FaultDialog";
import { Icon } from "./Icon";
import { byTestId, useEscape } from "./place";
import { SceneLog } from "./SceneLog";
import { inject, type Node, type Pod, type SceneState, type Target, usePolled } from "./panelApi";

/** The console's panel: the scene's pods and their faults, and what the product's processes log. */
export function Scene({ onClose }: { onClose: () => void }) {
  const { data, problem, again } = usePolled<SceneState>("");
  const [chosen, setChosen] = useState<Target | null>(null);
  const [said, setSaid] = useState("");
  useEscape(onClose);
  useEffect(() => byTestId("scene-close")?.focus(), []);
  const heal = async (target: Target) => {
    setSaid((await inject(target, "none")) ?? `${target.name} is healed.`);
    again();
  };
  return (
    <aside className="pane scene" data-testid="scene" aria-label="Scene">
      <header>
        <h2>Scene</h2>
        <p>pods, faults and logs</p>
        <button className="quiet" data-testid="scene-close" aria-label="Close scene" title="Close (Esc)" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div className="parts">
        {problem && <p role="alert">{problem}</p>}
        {!data && !problem && <p role="status">Asking the cluster…</p>}
        {data && <Nodes nodes={data.nodes} onFault={setChosen} onHeal={heal} />}
        {data && <Pods pods={data.pods} onFault={setChosen} onHeal={heal} />}
        <p className="said" role="status" data-testid="scene-said">
          {said}
        </p>
        {data && data.logs.length > 0 && <SceneLog names={data.logs} />}
      </div>
      {chosen && data && (
        <FaultDialog
          target={chosen}
          scene={data}
          onDone={(words) => {
            setChosen(null);
            setSaid(words);
            again();
          }}
        />
      )}
    </aside>
  );
}

interface Striking {
  onFault: (target: Target) => void;
  onHeal: (target: Target) => void;
}

function Nodes({ nodes, ...strike }: Striking & { nodes: Node[] }) {
  return (
    <ul className="nodes" aria-label="Nodes">
      {nodes.map((node) => (
        <li key={node.name} data-testid={`node-${node.name}`}>
          <b>{node.name}</b> <span className={node.status === "Ready" ? undefined : "odd"}>{node.status}</span>{" "}
          <Fault target={node} {...strike} />
        </li>
      ))}
    </ul>
  );
}

function Pods({ pods, ...strike }: Striking & { pods: Pod[] }) {
  if (pods.length === 0) return <p className="empty">There are no pods.</p>;
  return (
    <div className="table" tabIndex={0} role="region" aria-label="Pods">
      <table className="pods">
        <thead>
          <tr>
            <th scope="col">Pod</th>
            <th scope="col">Ready</th>
            <th scope="col">Status</th>
            <th scope="col">Restarts</th>
            <th scope="col">Fault</th>
          </tr>
        </thead>
        <tbody>
          {pods.map((pod) => (
            <tr key={`${pod.namespace}/${pod.name}`} data-testid={`pod-${pod.name}`} className={pod.fault ? "faulty" : undefined}>
              <th scope="row">
                {pod.name}
                <small>
                  {pod.namespace}, {pod.node}
                </small>
              </th>
              <td>{pod.ready}</td>
              <td className={pod.status === "Running" ? "fine" : "odd"}>{pod.status}</td>
              <td>{pod.restarts}</td>
              <td>
                <Fault target={pod} {...strike} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** One button, whose meaning changes with the target's state: the focus stays on it. */
function Fault({ target, onFault, onHeal }: Striking & { target: Target }) {
  return (
    <>
      {target.fault && <b className="fault">{target.fault}</b>}
      <button
        data-testid={`fault-${target.name}`}
        aria-label={target.fault ? `Heal ${target.name}` : `Inject a fault in ${target.name}`}
        onClick={() => (target.fault ? onHeal(target) : onFault(target))}
      >
        {target.fault ? "Heal" : "Inject…"}
      </button>
    </>
  );
}
