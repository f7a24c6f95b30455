// A script of the platform's own, as a version: for what is tried before any tenant's comes.
#pragma once

#include <memory>
#include <string_view>

#include "engine/version.h"

namespace weir::engine {

// One ES module, no bindings. Null when it cannot be handed over.
std::shared_ptr<const Version> makeOwnScript(std::string_view name, std::string_view code);

}  // namespace weir::engine
