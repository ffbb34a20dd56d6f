import { useRef, useState } from "react";
import { Icon } from "./Icon";
import { useModal } from "./place";

interface Props {
  url: string;
  alt: string;
  name: string;
}

/** A picture in a message; pressed, it is shown as large as the window. */
export function Picture({ url, alt, name }: Props) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" className="picture" aria-haspopup="dialog" title="Show larger" onClick={() => setOpen(true)}>
        <img src={url} alt={alt} />
      </button>
      {open && <Viewer url={url} alt={alt} name={name} onClose={() => setOpen(false)} />}
    </>
  );
}

function Viewer({ url, alt, name, onClose }: Props & { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useModal(dialog);
  return (
    <dialog ref={dialog} className="viewer" aria-label={name} data-testid="viewer" onClose={onClose}>
      <header>
        <h2>{name}</h2>
        <button type="button" className="quiet" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div className="large" style={{ backgroundImage: `url("${encodeURI(url)}")` }} role="img" aria-label={alt} />
    </dialog>
  );
}
