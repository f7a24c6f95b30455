// Rehearsal: what most scripts call of the web API, called once in an isolate that is thrown away. The base snapshot
// holds what that compiled and nothing else compiled: the rest of the web API costs every isolate a third of its
// memory, and is compiled where a script calls it.
#pragma once

#include <node.h>
#include <v8.h>

#include <cstdint>
#include <string>
#include <vector>

namespace weir::engine {

// `empty` is a heap of nothing but V8's own. Gives the code cache of the web API's installer; empty on failure, with
// the reason in `error`.
std::vector<uint8_t> rehearse(node::MultiIsolatePlatform& platform, const v8::StartupData& empty, std::string& error);

}  // namespace weir::engine
