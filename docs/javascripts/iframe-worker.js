// Search runs in a worker, and browsers refuse workers to pages that are opened from a folder (file:). There, this
// runs the worker's script in a hidden frame instead, so that the site needs neither a server nor a network.
"use strict";

class FrameWorker extends EventTarget {
  constructor(url) {
    super();
    this.onmessage = null;
    this.addEventListener("message", (event) => this.onmessage?.(event));
    this.frame = document.createElement("iframe");
    this.frame.hidden = true;
    this.inside = new Promise((resolve) => {
      this.frame.onload = () => {
        const inside = this.frame.contentWindow;
        inside.postMessage = (data) => deliver(this, data);
        const script = inside.document.createElement("script");
        script.src = new URL(url, location.href);
        script.onload = () => resolve(inside);
        script.onerror = (event) => this.onerror?.(event);
        inside.document.head.append(script);
      };
    });
    document.body.append(this.frame);
  }

  postMessage(data) {
    this.inside.then((inside) => deliver(inside, data));
  }

  terminate() {
    this.frame.remove();
  }
}

// As between threads: a copy, and later. Both sides change what they were given.
function deliver(receiver, data) {
  const copy = structuredClone(data);
  setTimeout(() => receiver.dispatchEvent(new MessageEvent("message", { data: copy })));
}

if (location.protocol === "file:") window.Worker = FrameWorker;
