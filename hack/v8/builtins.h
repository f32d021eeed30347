// Precompiled for V8's built-in functions (torque_generated_initializers and v8_initializers).
#include "src/builtins/builtins-utils-gen.h"
#include "src/codegen/code-stub-assembler-inl.h"
#include "src/codegen/interface-descriptors-inl.h"
#include "src/objects/objects-inl.h"
#include "torque-generated/csa-types.h"
