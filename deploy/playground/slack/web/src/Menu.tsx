import { type ReactNode, useEffect, useId, useRef, useState } from "react";

export interface Item {
  key: string;
  label: string;
  hint?: string | undefined;
  take: () => void;
}

interface Props {
  label: string;
  testid: string;
  className?: string;
  children: ReactNode;
  items: Item[];
}

/** A button that opens a menu: arrow keys move, Enter takes, Escape and Tab close (WAI-ARIA menu button). */
export function Menu({ label, testid, className = "", children, items }: Props) {
  const [open, setOpen] = useState(false);
  const [up, setUp] = useState(false);
  const root = useRef<HTMLSpanElement>(null);
  const trigger = useRef<HTMLButtonElement>(null);
  const id = useId();
  useEffect(() => {
    if (!open) return;
    const menu = root.current?.querySelector("[role=menu]");
    const room = root.current?.closest(".messages, .home, dialog")?.getBoundingClientRect().bottom ?? innerHeight;
    setUp((menu?.clientHeight ?? 0) + (trigger.current?.getBoundingClientRect().bottom ?? 0) + 8 > room);
    root.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus({ preventScroll: true });
    const away = (event: PointerEvent) => !root.current?.contains(event.target as Node) && setOpen(false);
    addEventListener("pointerdown", away);
    return () => removeEventListener("pointerdown", away);
  }, [open]);
  const close = () => {
    setOpen(false);
    trigger.current?.focus();
  };
  const key = (event: React.KeyboardEvent) => {
    if (!open) return;
    const all = [...(root.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) all.at(to % all.length)?.focus();
    else if (event.key === "Tab") return setOpen(false);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
    event.nativeEvent.stopImmediatePropagation();
  };
  return (
    <span className={`menu ${className}`} ref={root} onKeyDown={key}>
      <button
        type="button"
        ref={trigger}
        data-testid={testid}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        aria-label={label}
        title={label}
        onClick={() => {
          setUp(false);
          setOpen(!open);
        }}
      >
        {children}
      </button>
      {open && (
        <ul role="menu" id={id} aria-label={label} className={up ? "up" : undefined}>
          {items.map((item) => (
            <li role="none" key={item.key}>
              <button
                type="button"
                role="menuitem"
                tabIndex={-1}
                onClick={() => {
                  close();
                  item.take();
                }}
              >
                {item.label}
                {item.hint && <small>{item.hint}</small>}
              </button>
            </li>
          ))}
        </ul>
      )}
    </span>
  );
}
