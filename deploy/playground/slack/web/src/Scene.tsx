import { useEffect, useState } from "react";
import { FaultDialog } from "./FaultDialog";
import { Icon } from "./Icon";
import { byTestId, useEscape } from "./place";
import { SceneLog } from "./SceneLog";
import { inject, type Pod, type SceneState, usePolled } from "./panelApi";

/** The console's panel: the scene's pods and their faults, and what the product's processes log. */
export function Scene({ onClose }: { onClose: () => void }) {
  const { data, problem, again } = usePolled<SceneState>("");
  const [chosen, setChosen] = useState<Pod | null>(null);
  const [said, setSaid] = useState("");
  useEscape(onClose);
  useEffect(() => byTestId("scene-close")?.focus(), []);
  const heal = async (pod: Pod) => {
    setSaid((await inject(pod, "none")) ?? `${pod.name} is healed.`);
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
        {data && <Nodes nodes={data.nodes} />}
        {data && <Pods pods={data.pods} onFault={setChosen} onHeal={heal} />}
        <p className="said" role="status" data-testid="scene-said">
          {said}
        </p>
        {data && data.logs.length > 0 && <SceneLog names={data.logs} />}
      </div>
      {chosen && data && (
        <FaultDialog
          pod={chosen}
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

function Nodes({ nodes }: { nodes: SceneState["nodes"] }) {
  return (
    <ul className="nodes" aria-label="Nodes">
      {nodes.map((node) => (
        <li key={node.name} className={node.status === "Ready" ? undefined : "odd"}>
          <b>{node.name}</b> {node.status}
        </li>
      ))}
    </ul>
  );
}

interface PodsProps {
  pods: Pod[];
  onFault: (pod: Pod) => void;
  onHeal: (pod: Pod) => void;
}

function Pods({ pods, onFault, onHeal }: PodsProps) {
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
                <PodFault pod={pod} onFault={onFault} onHeal={onHeal} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** One button, whose meaning changes with the pod's state: the focus stays on it. */
function PodFault({ pod, onFault, onHeal }: Omit<PodsProps, "pods"> & { pod: Pod }) {
  return (
    <>
      {pod.fault && <b className="fault">{pod.fault}</b>}
      <button
        data-testid={`fault-${pod.name}`}
        aria-label={pod.fault ? `Heal ${pod.name}` : `Inject a fault in ${pod.name}`}
        onClick={() => (pod.fault ? onHeal(pod) : onFault(pod))}
      >
        {pod.fault ? "Heal" : "Inject…"}
      </button>
    </>
  );
}
