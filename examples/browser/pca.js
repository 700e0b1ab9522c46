// Plane finds the two directions in which vectors differ most (principal components), for drawing them.
export class Plane {
  constructor(dim) {
    this.dim = dim;
    this.mean = new Float64Array(dim);
    // Where they start does not matter, so long as neither is 0.
    this.axes = [0, 1].map((k) => Float64Array.from({ length: dim }, (_, i) => Math.sin(i + 1 + 2 * k)));
  }

  // fit turns the axes to the vectors by a few steps of power iteration. It starts from the axes found before: so the
  // picture does not jump when more vectors come.
  fit(vectors, steps = 4) {
    this.mean.fill(0);
    for (const v of vectors) for (let i = 0; i < this.dim; i++) this.mean[i] += v[i] / vectors.length;
    for (let step = 0; step < steps; step++) {
      const next = [new Float64Array(this.dim), new Float64Array(this.dim)];
      for (const v of vectors) {
        const at = this.project(v);
        for (let i = 0; i < this.dim; i++) {
          next[0][i] += at[0] * (v[i] - this.mean[i]);
          next[1][i] += at[1] * (v[i] - this.mean[i]);
        }
      }
      if (!normalize(next[0])) return; // all vectors are one
      const along = dot(next[0], next[1]);
      for (let i = 0; i < this.dim; i++) next[1][i] -= along * next[0][i];
      if (!normalize(next[1])) return; // all lie on a line
      this.axes = next;
    }
  }

  project(v) {
    const at = [0, 0];
    for (let i = 0; i < this.dim; i++) {
      at[0] += (v[i] - this.mean[i]) * this.axes[0][i];
      at[1] += (v[i] - this.mean[i]) * this.axes[1][i];
    }
    return at;
  }
}

function dot(a, b) {
  return a.reduce((sum, x, i) => sum + x * b[i], 0);
}

function normalize(a) {
  const length = Math.sqrt(dot(a, a));
  if (length < 1e-9) return false;
  for (let i = 0; i < a.length; i++) a[i] /= length;
  return true;
}
