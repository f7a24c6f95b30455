// The heap that every isolate starts from: a context with the whole web API in it.
#pragma once

#include <node.h>
#include <v8.h>

#include <span>
#include <string>
#include <vector>

namespace weir::engine {

// Addresses a snapshot refers to by position; null-terminated, the same in every process of one build.
const std::vector<intptr_t>& externalReferences();

// Writes a heap in which the web API's JavaScript has run, with the code of what most scripts call (base_rehearsal.h)
// and no other. Empty on failure, with the reason in `error`.
std::vector<char> makeBaseSnapshot(node::MultiIsolatePlatform& platform, std::string& error);

struct InstalledWebApi {
  v8::Local<v8::Function> installer;  // whose body web_source.h is
  v8::Local<v8::Object> dispatch;     // Dispatch of web/host.d.ts
};

// Runs the web API's JavaScript in a context that has nothing but V8's own. `code`: a code cache of the installer;
// empty: V8 compiles what is called. False, with the reason in `error`.
bool installWebApi(v8::Local<v8::Context> context, std::span<const uint8_t> code, InstalledWebApi& installed,
                   std::string& error);

// Positions of AddData in a snapshot's default context.
inline constexpr size_t kDispatchData = 0;  // Dispatch
inline constexpr size_t kModulesData = 1;   // ModuleGraph::save; versions only

}  // namespace weir::engine
