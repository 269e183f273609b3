import {
  type DragEvent,
  type PointerEvent,
  type RefObject,
  useEffect,
  useRef,
  useState,
} from "react";

import type { Workflow } from "../../api/types";
import { type Located, tasksInOrder } from "./tree";
import { movedTo } from "./units";

const LONG_PRESS_MS = 400;
/** A finger that moves farther before the press is long scrolls [px]. */
const SLIP = 10;

/** Dragging a row, with the mouse or, after a long press, with a finger; keys and the menu do the same. */
export function useDrag(
  scroller: RefObject<HTMLElement | null>,
  reorder: (workflow: Workflow, ids: string[]) => void,
) {
  const [dragged, setDragged] = useState<Located | null>(null);
  const [over, setOver] = useState<Located | null>(null);
  const [touching, setTouching] = useState(false);
  const press = useRef<{ x: number; y: number; timer: number } | null>(null);
  const held = useRef(false);
  const rows = useRef(new Map<string, Located>());

  useEffect(() => {
    // What a finger drags must not scroll; React's own listeners cannot say so.
    const still = (event: TouchEvent) => held.current && event.preventDefault();
    const element = scroller.current;
    element?.addEventListener("touchmove", still, { passive: false });
    return () => element?.removeEventListener("touchmove", still);
  }, [scroller]);

  const orderOn = (from: Located | null, { task, workflow }: Located): string[] | null =>
    from?.workflow.id === workflow.id ? movedTo(workflow, from.task.id, task.id) : null;
  const end = () => {
    window.clearTimeout(press.current?.timer);
    press.current = null;
    held.current = false;
    setDragged(null);
    setOver(null);
    setTouching(false);
  };
  const drop = (on: Located | null) => {
    const ids = on && orderOn(dragged, on);
    if (on && ids) reorder(on.workflow, ids);
    end();
    return ids !== null;
  };

  function byFinger(located: Located) {
    return {
      onPointerDown: (event: PointerEvent<HTMLElement>) => {
        if (event.pointerType !== "touch" || press.current) return;
        const row = event.currentTarget;
        setTouching(true);
        const timer = window.setTimeout(() => {
          held.current = true;
          row.setPointerCapture(event.pointerId);
          navigator.vibrate?.(10);
          setDragged(located);
        }, LONG_PRESS_MS);
        press.current = { x: event.clientX, y: event.clientY, timer };
      },
      onPointerMove: (event: PointerEvent<HTMLElement>) => {
        const from = press.current;
        if (!from) return;
        if (!held.current) {
          if (Math.hypot(event.clientX - from.x, event.clientY - from.y) > SLIP) end();
          return;
        }
        const below = document.elementFromPoint(event.clientX, event.clientY);
        const id = below?.closest<HTMLElement>("[data-drag-row]")?.dataset.dragRow;
        const row = rows.current.get(id ?? "");
        setOver(row && orderOn(dragged, row) ? row : null);
      },
      onPointerUp: (event: PointerEvent<HTMLElement>) => {
        if (!press.current) return;
        // The click that follows would choose the row on which the finger happens to be.
        if (held.current) event.preventDefault();
        drop(held.current ? over : null);
      },
      onPointerCancel: () => press.current && end(),
      onContextMenu: (event: { preventDefault: () => void }) => {
        if (press.current) event.preventDefault();
      },
    };
  }

  function of(located: Located, movable: boolean) {
    const { task } = located;
    rows.current.set(task.id, located);
    const isOver = over?.task.id === task.id;
    return {
      // A browser that drags by itself after a long press would take the finger away.
      draggable: movable && !touching,
      "data-drag-row": task.id,
      "data-movable": movable || undefined,
      "data-dragged": dragged?.task.id === task.id || undefined,
      "data-over": isOver ? (dragged && isBelow(located, dragged) ? "below" : "above") : undefined,
      onDragStart: (event: DragEvent) => {
        event.dataTransfer.effectAllowed = "move";
        event.dataTransfer.setData("text/plain", task.name);
        setDragged(located);
      },
      onDragOver: (event: DragEvent) => {
        if (!orderOn(dragged, located)) return;
        event.preventDefault();
        setOver(located);
      },
      onDragLeave: () => setOver((now) => (now?.task.id === task.id ? null : now)),
      onDrop: (event: DragEvent) => {
        if (drop(located)) event.preventDefault();
      },
      onDragEnd: end,
      ...(movable && byFinger(located)),
    };
  }
  return { of };
}

function isBelow({ task, workflow }: Located, dragged: Located): boolean {
  const ids = tasksInOrder(workflow).map(({ id }) => id);
  return ids.indexOf(task.id) > ids.indexOf(dragged.task.id);
}
