// SPDX-License-Identifier: Apache-2.0
// Times a network in ONNX Runtime as hmr2_time.c does ours: hmr2_ort.js FILE.onnx
// THREADS MOST. Needs npm's onnxruntime-node in NODE_PATH or the current folder.
const ort = require(require.resolve('onnxruntime-node', { paths: [process.cwd(), ...(process.env.NODE_PATH || '').split(':').filter(Boolean)] }));
const lines = require('readline').createInterface({ input: process.stdin });
const [file, threads, most] = process.argv.slice(2);
const pixels = 3 * 256 * 192;
const now = () => Number(process.hrtime.bigint()) / 1e9;
const cpu = () => { const u = process.cpuUsage(); return (u.user + u.system) / 1e6; };
(async () => {
  const start = now();
  const s = await ort.InferenceSession.create(file, { intraOpNumThreads: +threads,
    interOpNumThreads: 1, executionProviders: ['cpu'], graphOptimizationLevel: 'all' });
  console.log((now() - start).toFixed(2));
  const x = new Float32Array(+most * pixels);
  for (let i = 0, seed = 1; i < x.length; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    x[i] = (seed >>> 8) / (1 << 22) - 2;
  }
  for await (const line of lines) {
    const people = +line;
    const crop = new ort.Tensor('float32', x.subarray(0, people * pixels),
      [people, 3, 256, 192]);
    const w = now(), c = cpu();
    await s.run({ crop });
    console.log(`${(now() - w).toFixed(4)} ${(cpu() - c).toFixed(4)}`);
  }
  console.log(process.resourceUsage().maxRSS);
})();
