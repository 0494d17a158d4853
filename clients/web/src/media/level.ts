/** How loud a stream is, 0-1, about twelve times a second. */
export function watchLevel(stream: MediaStream, tell: (level: number) => void): () => void {
  if (stream.getAudioTracks().length === 0) {
    tell(0);
    return () => undefined;
  }
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  const source = context.createMediaStreamSource(stream);
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  // A reload has no gesture yet: the first one wakes the meter.
  const wake = () => void context.resume();
  document.addEventListener("pointerdown", wake);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    tell(levelOf(samples));
  }, 80);
  return () => {
    clearInterval(timer);
    document.removeEventListener("pointerdown", wake);
    source.disconnect();
    void context.close();
  };
}

/** From the quietest that matters (-54 dBFS) to full scale, evenly in decibels. */
export function levelOf(samples: Float32Array): number {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  const decibels = 10 * Math.log10(power + 1e-12);
  return Math.min(1, Math.max(0, (decibels + 54) / 54));
}
