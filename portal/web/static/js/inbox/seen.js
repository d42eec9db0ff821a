// "Read" means: open, on the screen, with the page in front, for a moment. Scrolling past is not reading.

const MOMENT = 1_200;

/** read(id) is called once for each. */
export function create(read) {
  const waiting = new Map(); // node → timer
  const done = new Set();
  const observer = new IntersectionObserver(look, { threshold: [0, 0.25, 0.5, 0.75, 1] });

  function look(entries) {
    for (const { target, intersectionRect, boundingClientRect, rootBounds } of entries) {
      // A long message never fits: half of it, or half of the screen filled with it, will do.
      const needed = Math.min(boundingClientRect.height, rootBounds?.height ?? innerHeight) / 2;
      const seen = intersectionRect.height >= needed && intersectionRect.height > 0;
      if (!seen) stop(target);
      else if (!waiting.has(target)) waiting.set(target, setTimeout(tell, MOMENT, target));
    }
  }

  function tell(target) {
    waiting.delete(target);
    const id = target.dataset.id;
    if (done.has(id) || !target.isConnected) return;
    if (document.visibilityState !== "visible") return waiting.set(target, setTimeout(tell, MOMENT, target));
    done.add(id);
    observer.unobserve(target);
    read(id);
  }

  function stop(target) {
    clearTimeout(waiting.get(target));
    waiting.delete(target);
  }

  return {
    /** nodes of open messages that nobody has read yet */
    watch: (nodes) => nodes.forEach((node) => done.has(node.dataset.id) || observer.observe(node)),
    empty() {
      observer.disconnect();
      for (const target of [...waiting.keys()]) stop(target);
    },
  };
}
