// The live camera, which browsers open where the connection is secure; elsewhere a file input takes its place.

export const canLook = window.isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);

/** What `video` shows while it is on; `start` rejects with the browser's reason, and leaves nothing on. */
export class Camera {
  #video;
  #stream = null;

  constructor(video) {
    this.#video = video;
    // a page that nobody looks at should not look either
    addEventListener("pagehide", () => this.stop());
  }

  get on() {
    return this.#stream !== null;
  }

  async start() {
    this.stop();
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
      this.#video.srcObject = this.#stream;
      this.#video.hidden = false;
      await this.#video.play();
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
    this.#video.hidden = true;
  }

  /** A JPEG of what it sees now, drawn on `canvas`. */
  shoot(canvas) {
    return drawn(this.#video, this.#video.videoWidth, this.#video.videoHeight, canvas);
  }
}

/** A JPEG of a picture in a size of its own, drawn on `canvas`. */
export const drawn = (picture, width, height, canvas) => {
  canvas.width = Math.round(width);
  canvas.height = Math.round(height);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
};
