// SPDX-License-Identifier: Apache-2.0
// Times a network in ONNX Runtime: hmr2_ort.js FILE.onnx THREADS BATCH RUNS.
// Needs npm's onnxruntime-node in NODE_PATH.
const ort = require(require.resolve('onnxruntime-node', { paths: [process.cwd(), ...(process.env.NODE_PATH || '').split(':').filter(Boolean)] }));
const [file, threads, batch, runs] = process.argv.slice(2);
const now = () => Number(process.hrtime.bigint()) / 1e9;
const cpu = () => { const u = process.cpuUsage(); return (u.user + u.system) / 1e6; };
(async () => {
  const start = now();
  const s = await ort.InferenceSession.create(file, { intraOpNumThreads: +threads,
    interOpNumThreads: 1, executionProviders: ['cpu'], graphOptimizationLevel: 'all' });
  console.log(`onnxruntime f32, ${threads} threads, batch ${batch}: loaded in ${
    (now() - start).toFixed(2)} s`);
  const x = new Float32Array(+batch * 3 * 256 * 192);
  for (let i = 0, seed = 1; i < x.length; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    x[i] = (seed >>> 8) / (1 << 22) - 2;
  }
  const crop = new ort.Tensor('float32', x, [+batch, 3, 256, 192]);
  const wall = [], used = [];
  for (let i = 0; i <= +runs; i++) {
    const w = now(), c = cpu();
    await s.run({ crop });
    if (i) { wall.push((now() - w) / batch); used.push((cpu() - c) / batch); }
  }
  wall.sort((a, b) => a - b);
  used.sort((a, b) => a - b);
  const m = wall.length >> 1;
  console.log(`seconds per person: median ${wall[m].toFixed(4)}, least ${
    wall[0].toFixed(4)}; CPU median ${used[m].toFixed(4)}, least ${used[0].toFixed(4)
    }; peak ${(process.resourceUsage().maxRSS / 1000).toFixed(0)} MB`);
})();
