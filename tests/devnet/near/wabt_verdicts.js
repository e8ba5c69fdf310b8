// Reads a JSON array of wasm modules in base64 from stdin and prints, for each, whether wabt takes
// it with everything newer than the MVP switched off.
const features = {
  bulk_memory: false,
  exceptions: false,
  extended_const: false,
  function_references: false,
  gc: false,
  memory64: false,
  multi_memory: false,
  multi_value: false,
  mutable_globals: true,
  reference_types: false,
  relaxed_simd: false,
  sat_float_to_int: false,
  sign_extension: false,
  simd: false,
  tail_call: false,
  threads: false,
};

function isValid(wabt, bytes) {
  try {
    const module = wabt.readWasm(bytes, features);
    module.validate(features);
    module.destroy();
    return true;
  } catch {
    return false;
  }
}

// A copy: wabt reads the whole buffer below a view, and small Buffers share one.
function bytesOf(text) {
  return Uint8Array.from(Buffer.from(text, "base64"));
}

const modules = JSON.parse(require("fs").readFileSync(0, "utf8"));
require("wabt")().then((wabt) => {
  const verdicts = modules.map((text) => isValid(wabt, bytesOf(text)));
  console.log(JSON.stringify(verdicts));
});
