/** @file A linked WebGL2 program and its uniforms by name. */

export class GpuProgram {
  #gl;
  #program;
  #locations = new Map();

  /** @throws {Error} with the compiler's words where the source does not compile or link */
  constructor(gl, vertexSource, fragmentSource) {
    this.#gl = gl;
    this.#program = gl.createProgram();
    for (const [type, source] of [[gl.VERTEX_SHADER, vertexSource], [gl.FRAGMENT_SHADER, fragmentSource]]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(this.#program, shader);
      // The program keeps what it needs; the shader goes with it.
      gl.deleteShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
        throw new Error(`shader: ${gl.getShaderInfoLog(shader)}`);
      }
    }
    gl.linkProgram(this.#program);
    if (!gl.getProgramParameter(this.#program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new Error(`program: ${gl.getProgramInfoLog(this.#program)}`);
    }
  }

  /**
   * Makes it current and sets uniforms; names that the program does not have are left out.
   *
   * @param {Record<string, number | ArrayLike<number>>} uniforms numbers, 2 or 3 floats, or 16 for a matrix
   */
  use(uniforms) {
    this.#gl.useProgram(this.#program);
    this.set(uniforms);
  }

  /** Sets uniforms of the current program. */
  set(uniforms) {
    const gl = this.#gl;
    for (const [name, value] of Object.entries(uniforms)) {
      const location = this.#location(name);
      if (location === null) continue;
      if (typeof value === "number") gl.uniform1f(location, value);
      else if (value.length === 2) gl.uniform2fv(location, value);
      else if (value.length === 3) gl.uniform3fv(location, value);
      else gl.uniformMatrix4fv(location, false, value);
    }
  }

  #location(name) {
    if (!this.#locations.has(name)) {
      this.#locations.set(name, this.#gl.getUniformLocation(this.#program, name));
    }
    return this.#locations.get(name);
  }
}
