// The heap that every isolate starts from: a context with the whole web API in it.
#pragma once

#include <node.h>
#include <v8.h>

#include <string>
#include <vector>

namespace weir::engine {

// Addresses a snapshot refers to by position; null-terminated, the same in every process of one build.
const std::vector<intptr_t>& externalReferences();

// Runs the web API's JavaScript (web_source.h) in a new context and writes the heap. Empty on failure, with the reason
// in `error`.
std::vector<char> makeBaseSnapshot(node::MultiIsolatePlatform& platform, std::string& error);

// Positions of AddData in a snapshot's default context.
inline constexpr size_t kDispatchData = 0;  // Dispatch
inline constexpr size_t kModulesData = 1;   // ModuleGraph::save; versions only

}  // namespace weir::engine
