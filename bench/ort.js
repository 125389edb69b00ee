// SPDX-License-Identifier: Apache-2.0
// Times a network in ONNX Runtime: ort.js FILE.onnx THREADS SECONDS. Prints the
// least and the median of a run in milliseconds. Needs npm's onnxruntime-node in
// NODE_PATH or the current folder.
const ort = require(require.resolve('onnxruntime-node', { paths: [process.cwd(), ...(process.env.NODE_PATH || '').split(':').filter(Boolean)] }));
const [file, threads, seconds] = process.argv.slice(2);
const now = () => Number(process.hrtime.bigint()) / 1e6;
(async () => {
  const s = await ort.InferenceSession.create(file, { intraOpNumThreads: +threads,
    interOpNumThreads: 1, executionProviders: ['cpu'], graphOptimizationLevel: 'all',
    logSeverityLevel: 3 });
  const feed = {};
  for (const m of s.inputMetadata.filter((i) => i.isTensor).slice(0, 1)) {
    const dims = m.shape.map((d) => (typeof d === 'number' && d > 0 ? d : 1));
    const x = new Float32Array(dims.reduce((a, b) => a * b, 1));
    for (let i = 0; i < x.length; i++) x[i] = (37 * i % 256) / 255;
    feed[m.name] = new ort.Tensor('float32', x, dims);
  }
  const ms = [], start = now();
  for (let i = 0; i < 8 || now() - start < +seconds * 1e3; i++) {
    const t = now();
    await s.run(feed);
    if (i > 2) ms.push(now() - t);
  }
  ms.sort((a, b) => a - b);
  console.log(`${ms[0].toFixed(2)} ${ms[ms.length >> 1].toFixed(2)}`);
})();
