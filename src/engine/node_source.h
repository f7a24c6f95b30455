// Node's modules as this addon carries them: ES modules, one copy of their text for all isolates of the process.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "js/modules.h"

namespace weir::engine {

// By "node:x" or "x". Those that only such modules may import are there for them alone. A text that is null: it is not
// served.
js::ModuleSource findNodeModule(std::string_view name, bool byBuiltin);

// What a snapshot that has some of them refers to.
std::vector<intptr_t> nodeModuleReferences();

}  // namespace weir::engine
