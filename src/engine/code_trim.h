// Of a version's code, what its heap is written without: the bytecode of functions that only its top-level scope calls.
// No isolate that starts from the heap calls those again; V8 compiles anew what one calls all the same.
//
// V8's flags are the process's, so this is for the throwaway engine that checks a version. Threads: the isolate's, with
// no JavaScript running.
#pragma once

#include <v8.h>

#include <functional>
#include <set>
#include <string>

namespace weir::engine {

// Drops all bytecode of the isolate but that of generators and async functions: what is called afterwards is compiled
// then.
void dropAllCode(v8::Isolate* isolate);

// Notes the functions that V8 compiles from here on, each when it is first called. One per thread at a time.
class CompiledFunctions {
 public:
  explicit CompiledFunctions(v8::Isolate* isolate);
  ~CompiledFunctions();
  CompiledFunctions(const CompiledFunctions&) = delete;
  CompiledFunctions& operator=(const CompiledFunctions&) = delete;

  // Ends that, and drops the bytecode of those that the heap holds closures of; not of generators and async functions,
  // one of which may be suspended. Collects garbage. Where V8 cannot, code stays.
  void dropCode(v8::Local<v8::Context> context);

 private:
  static void onCode(const v8::JitCodeEvent* event);
  void stop();

  v8::Isolate* const isolate_;
  std::set<std::string, std::less<>> places_;  // "FILE:LINE:COLUMN", from 1
};

}  // namespace weir::engine
