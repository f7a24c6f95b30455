// What a check does (version_checker.h), done once with a script of our own: what V8 makes when it is first needed is
// made then, and need not be made in every copy of this process.
#pragma once

#include <node.h>

namespace weir::engine {

// False when it does not go well, which no check would then.
bool warmUp(node::MultiIsolatePlatform& platform, const v8::StartupData& base);

}  // namespace weir::engine
