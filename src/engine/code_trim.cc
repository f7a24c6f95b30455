#include "engine/code_trim.h"

#include <v8-profiler.h>

#include <string_view>
#include <vector>

#include "base/check.h"
#include "js/exception.h"

namespace weir::engine {

namespace {

constexpr size_t kFileTextBytesMax = 4096;

// Of a closure whose function has bytecode. V8 ends the process where there is none.
constexpr const char* kDrop =
    "((lazy) => (closure) => %GetOptimizationStatus(closure) !== lazy && %ForceFlush(closure))"
    "(%GetOptimizationStatus(() => {}))";

thread_local CompiledFunctions* current = nullptr;  // V8's handler carries no data

class Flags {
 public:
  Flags(const char* on, const char* off) : off_(off) { v8::V8::SetFlagsFromString(on); }
  ~Flags() { v8::V8::SetFlagsFromString(off_); }
  Flags(const Flags&) = delete;
  Flags& operator=(const Flags&) = delete;

 private:
  const char* const off_;
};

class Closures final : public v8::QueryObjectPredicate {
 public:
  bool Filter(v8::Local<v8::Object> object) override {
    return object->IsFunction() && !object->IsAsyncFunction() && !object->IsGeneratorFunction();
  }
};

std::string placeOf(v8::Isolate* isolate, v8::Local<v8::Function> function) {
  const v8::Local<v8::Value> file = function->GetScriptOrigin().ResourceName();
  if (file.IsEmpty() || !file->IsString()) return {};  // a native one
  return js::toUtf8(isolate, file, kFileTextBytesMax) + ":" + std::to_string(function->GetScriptLineNumber() + 1) +
         ":" + std::to_string(function->GetScriptColumnNumber() + 1);
}

}  // namespace

void dropAllCode(v8::Isolate* isolate) {
  const Flags flags("--flush-bytecode --stress-flush-code --expose-gc",
                    "--no-flush-bytecode --no-stress-flush-code --no-expose-gc");
  isolate->RequestGarbageCollectionForTesting(v8::Isolate::kFullGarbageCollection);
}

CompiledFunctions::CompiledFunctions(v8::Isolate* isolate) : isolate_(isolate) {
  CHECK(current == nullptr);
  current = this;
  isolate_->SetJitCodeEventHandler(v8::kJitCodeEventDefault, &onCode);
}

CompiledFunctions::~CompiledFunctions() { stop(); }

void CompiledFunctions::stop() {
  if (current != this) return;
  isolate_->SetJitCodeEventHandler(v8::kJitCodeEventDefault, nullptr);
  current = nullptr;
}

// Its name is "KIND:~FUNCTION FILE:LINE:COLUMN". A computed name of a function may hold spaces: then it is not found.
void CompiledFunctions::onCode(const v8::JitCodeEvent* event) {
  if (event->type != v8::JitCodeEvent::CODE_ADDED || event->code_type != v8::JitCodeEvent::BYTE_CODE) return;
  const std::string_view name(event->name.str, event->name.len);
  const size_t space = name.find(' ');
  if (space != std::string_view::npos) current->places_.emplace(name.substr(space + 1));
}

void CompiledFunctions::dropCode(v8::Local<v8::Context> context) {
  stop();
  if (places_.empty()) return;
  const Flags flags("--allow-natives-syntax", "--no-allow-natives-syntax");
  const v8::HandleScope handles(isolate_);
  v8::Local<v8::String> code;
  v8::Local<v8::Script> script;
  v8::Local<v8::Value> drop;
  if (!v8::String::NewFromUtf8(isolate_, kDrop).ToLocal(&code) ||
      !v8::Script::Compile(context, code).ToLocal(&script) || !script->Run(context).ToLocal(&drop)) {
    return;
  }
  Closures predicate;
  std::vector<v8::Global<v8::Object>> closures;
  isolate_->GetHeapProfiler()->QueryObjects(context, &predicate, &closures);
  for (const auto& one : closures) {
    const v8::HandleScope each(isolate_);
    const auto closure = one.Get(isolate_).As<v8::Function>();
    // Other closures of the same function lose its code with the first.
    if (places_.erase(placeOf(isolate_, closure)) == 0) continue;
    v8::Local<v8::Value> argument = closure;
    if (drop.As<v8::Function>()->Call(context, v8::Undefined(isolate_), 1, &argument).IsEmpty()) return;
  }
}

}  // namespace weir::engine
