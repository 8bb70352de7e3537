/** Shared queues of all VMs of a process. Who registered a queue hears of each item. */
export interface Queue {
  readonly id: number;
  readonly items: Uint8Array[];
  /** called when an item has come: one VM each time, in turn */
  readonly listeners: (() => void)[];
}

export class QueueStore {
  readonly #byName = new Map<string, Queue>();
  readonly #byId = new Map<number, Queue>();
  /** deliveries that wait for the running callback to end, as another thread's would */
  readonly #due: (() => void)[] = [];

  /** Makes or opens. @param vmId of the VM that asks */
  register(vmId: string, name: string, listener: () => void): number {
    const key = `${vmId}\0${name}`;
    const queue = this.#byName.get(key) ?? { id: this.#byId.size + 1, items: [], listeners: [] };
    this.#byName.set(key, queue);
    this.#byId.set(queue.id, queue);
    queue.listeners.push(listener);
    return queue.id;
  }

  resolve(vmId: string, name: string): number | undefined {
    return this.#byName.get(`${vmId}\0${name}`)?.id;
  }

  get(id: number): Queue | undefined {
    return this.#byId.get(id);
  }

  enqueue(queue: Queue, item: Uint8Array): void {
    queue.items.push(Uint8Array.from(item));
    const listener = queue.listeners.shift();
    if (listener === undefined) return;
    queue.listeners.push(listener);
    this.#due.push(listener);
  }

  /** Tells the VMs of what has come since. A test calls it between callbacks. */
  deliver(): void {
    for (let next = this.#due.shift(); next !== undefined; next = this.#due.shift()) next();
  }
}
