// Precompiled for V8's target v8_compiler: the headers that most of its files begin with.
#include "src/codegen/code-factory.h"
#include "src/compiler/js-graph.h"
#include "src/compiler/js-heap-broker-inl.h"
#include "src/compiler/turboshaft/assembler.h"
#include "src/compiler/turboshaft/phase.h"
#include "src/execution/isolate-inl.h"
#include "src/heap/factory-inl.h"
#include "src/objects/objects-inl.h"
