/** In a hidden window there are no frames, but its title still counts. */
const hiddenMs = 200;

/** What is asked for within one frame of the browser is done once. @returns asks for it */
export function onceAFrame(work: () => void): () => void {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    const now = (): void => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      isDue = false;
      work();
    };
    const frame = requestAnimationFrame(now);
    const timer = setTimeout(now, hiddenMs);
  };
}
