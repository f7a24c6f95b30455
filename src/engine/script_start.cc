// How an isolate of a version comes to take invocations: from its source, its code cache or its heap snapshot; and how
// such a heap is written. The rest of ScriptIsolate is in script_isolate.cc.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "engine/base_snapshot.h"
#include "engine/node_source.h"
#include "engine/script_isolate.h"
#include "js/exception.h"

namespace weir::engine {

namespace {

constexpr const char* kFunctionNames[] = {"fetch",
                                          "scheduled",
                                          "timer",
                                          "response",
                                          "responseError",
                                          "chunk",
                                          "chunkEnd",
                                          "chunkError",
                                          "credit",
                                          "writeCancelled",
                                          "cancel",
                                          "ended",
                                          "unhandledRejection",
                                          "socketMessage",
                                          "socketClosed",
                                          "unusedBody",
                                          "rateCounted"};

constexpr std::string_view kWorkersModule = "cloudflare:workers";  // its `env` are the bindings

constexpr std::string_view kPlatform = "cloudflare:";
constexpr std::string_view kNode = "node:";
constexpr std::string_view kAsyncHooks = "node:async_hooks";
constexpr std::string_view kNodeHost = "node:internal/host";  // what Node's modules have of the web API

constexpr std::string_view kOwnFile = "weir:web";  // of the platform's JavaScript (base_snapshot.cc)

// "    at f (a.js:1:2)" per line becomes "  at a.js:1:2 in f": how an upload error shows the script's frames.
std::string uploadFrames(std::string_view stack) {
  std::string result;
  while (!stack.empty()) {
    const size_t end = stack.find('\n');
    std::string_view line = stack.substr(0, end);
    stack = end == std::string_view::npos ? std::string_view{} : stack.substr(end + 1);
    const size_t at = line.find("at ");
    if (at == std::string_view::npos || line.find(kOwnFile) != std::string_view::npos) continue;
    line.remove_prefix(at + 3);
    const size_t open = line.rfind(" (");
    if (open != std::string_view::npos && line.ends_with(')')) {
      const auto place = line.substr(open + 2, line.size() - open - 3);
      result += "\n  at " + std::string(place) + " in " + std::string(line.substr(0, open));
    } else {
      result += "\n  at " + std::string(line);
    }
  }
  return result;
}

// The place that the first of such frames names.
void setPlace(std::string_view frames, ScriptIsolate::Failure& failure) {
  constexpr std::string_view kStart = "\n  at ";
  if (!frames.starts_with(kStart)) return;
  frames.remove_prefix(kStart.size());
  frames = frames.substr(0, frames.find('\n'));
  frames = frames.substr(0, frames.find(" in "));
  const size_t second = frames.rfind(':');
  const size_t first = second == std::string_view::npos || second == 0 ? second : frames.rfind(':', second - 1);
  if (first == std::string_view::npos || first == second) return;
  failure.file = std::string(frames.substr(0, first));
  failure.line = static_cast<uint32_t>(std::strtoul(frames.data() + first + 1, nullptr, 10));
  failure.column = static_cast<uint32_t>(std::strtoul(frames.data() + second + 1, nullptr, 10));
}

v8::Local<v8::String> text(v8::Isolate* isolate, const char* value) {
  return v8::String::NewFromUtf8(isolate, value, v8::NewStringType::kInternalized).ToLocalChecked();
}

}  // namespace

// ---- failures ----

bool ScriptIsolate::failureOf(v8::Local<v8::Context> context, v8::TryCatch& caught, Failure& failure) {
  v8::Isolate* isolate = heap_->isolate();
  const Kill kill = endLap();
  if (kill != Kill::kNone || caught.HasTerminated()) {
    isolate->CancelTerminateExecution();
    failure.failure = kill == Kill::kMemory ? wire::StartFailure::kMemory : wire::StartFailure::kCpu;
    failure.message =
        kill == Kill::kMemory ? "Script startup exceeded memory limits." : "Script startup exceeded CPU time limit.";
    const std::string frames = uploadFrames(std::exchange(killStack_, {}));
    setPlace(frames, failure);
    failure.message += frames;
    return false;
  }
  const auto text = js::describe(isolate, context, caught.Exception(), caught.Message());
  failure.failure = wire::StartFailure::kException;
  failure.message = "Uncaught " + text.name + ": " + text.message;
  std::string frames = uploadFrames(text.stack);
  if (frames.empty() && !text.file.empty() && text.file != kOwnFile) {
    frames = "\n  at " + text.file + ":" + std::to_string(text.line) + ":" + std::to_string(text.column);
  }
  setPlace(frames, failure);
  failure.message += frames;
  return false;
}

bool ScriptIsolate::malformed(const char* what, Failure& failure) {
  failure.failure = wire::StartFailure::kMalformed;
  failure.message = what;
  return false;
}

v8::MaybeLocal<v8::Value> ScriptIsolate::callDispatch(v8::Local<v8::Context> context, v8::Local<v8::Object> dispatch,
                                                      const char* name, std::span<v8::Local<v8::Value>> arguments) {
  v8::Isolate* isolate = heap_->isolate();
  v8::Local<v8::Value> function;
  if (!dispatch->Get(context, text(isolate, name)).ToLocal(&function)) return {};
  CHECK(function->IsFunction());
  return function.As<v8::Function>()->Call(context, v8::Undefined(isolate), static_cast<int>(arguments.size()),
                                           arguments.data());
}

// ---- bindings ----

v8::MaybeLocal<v8::Value> ScriptIsolate::bindingValues(v8::Local<v8::Context> context) {
  v8::Isolate* isolate = heap_->isolate();
  const std::string_view env = version_->bundle().env;
  if (env.empty()) {
    const auto none = v8::Object::New(isolate);
    return addBlobs(context, none) ? none : v8::MaybeLocal<v8::Value>();
  }
  v8::Local<v8::String> json;
  if (!v8::String::NewFromUtf8(isolate, env.data(), v8::NewStringType::kNormal, static_cast<int>(env.size()))
           .ToLocal(&json)) {
    return {};
  }
  v8::Local<v8::Value> values;
  if (!v8::JSON::Parse(context, json).ToLocal(&values) || !values->IsObject()) return values;
  return addBlobs(context, values.As<v8::Object>()) ? values : v8::MaybeLocal<v8::Value>();
}

// A script in service-worker syntax has its other modules as values of that name.
bool ScriptIsolate::addBlobs(v8::Local<v8::Context> context, v8::Local<v8::Object> values) {
  v8::Isolate* isolate = heap_->isolate();
  const auto& bundle = version_->bundle();
  if (bundle.syntax != wire::Syntax::kServiceWorker) return true;
  for (size_t i = 1; i < bundle.modules.size(); ++i) {
    const auto& module = bundle.modules[i];
    v8::Local<v8::Value> value = v8::Undefined(isolate);
    // Of a heap that is to be written only the names count.
    if (purpose_ == js::Heap::Purpose::kSnapshot) {
    } else if (module.type == wire::ModuleType::kWasm) {
      v8::Local<v8::WasmModuleObject> compiled;
      if (!v8::WasmModuleObject::Compile(isolate, {module.content.data(), module.content.size()}).ToLocal(&compiled))
        return false;
      value = compiled;
    } else {
      v8::Local<v8::ArrayBuffer> buffer;
      if (!v8::ArrayBuffer::MaybeNew(isolate, module.content.size()).ToLocal(&buffer)) return false;
      if (!module.content.empty()) std::memcpy(buffer->Data(), module.content.data(), module.content.size());
      value = buffer;
    }
    if (values->CreateDataProperty(context, utf8(module.name).As<v8::Name>(), value).IsNothing()) return false;
  }
  return true;
}

// host.d.ts, Stubs.
v8::MaybeLocal<v8::Value> ScriptIsolate::stubs(v8::Local<v8::Context> context) {
  v8::Isolate* isolate = heap_->isolate();
  const auto& bundle = version_->bundle();
  std::vector<v8::Local<v8::Value>> services;
  for (const std::string_view name : bundle.services) services.push_back(utf8(name));
  std::vector<v8::Local<v8::Value>> limiters;
  for (const auto& limiter : bundle.limiters) {
    v8::Local<v8::Value> parts[] = {utf8(limiter.name), number(limiter.limit), number(limiter.periodSeconds)};
    limiters.push_back(v8::Array::New(isolate, parts, std::size(parts)));
  }
  const auto stubs = v8::Object::New(isolate);
  const auto put = [&](const char* name, std::vector<v8::Local<v8::Value>>& list) {
    return stubs->CreateDataProperty(context, text(isolate, name), v8::Array::New(isolate, list.data(), list.size()))
        .FromMaybe(false);
  };
  if (!put("services", services) || !put("limiters", limiters)) return {};
  return stubs;
}

bool ScriptIsolate::bind(v8::Local<v8::Context> context, v8::Local<v8::Object> dispatch, Bind what) {
  v8::Isolate* isolate = heap_->isolate();
  v8::Local<v8::Value> argument;
  if (!bindingValues(context).ToLocal(&argument)) return false;
  if (!argument->IsObject()) {
    isolate->ThrowException(v8::Exception::Error(text(isolate, "The version's bindings cannot be read.")));
    return false;
  }
  const bool toBeWritten = purpose_ == js::Heap::Purpose::kSnapshot;
  if (toBeWritten) {
    v8::Local<v8::Array> names;
    if (!argument.As<v8::Object>()->GetOwnPropertyNames(context).ToLocal(&names)) return false;
    argument = names;
  }
  v8::Local<v8::Value> platform = v8::Undefined(isolate);
  if (!fromSnapshot_ && !stubs(context).ToLocal(&platform)) return false;
  v8::Local<v8::Value> arguments[] = {argument, platform};
  constexpr const char* kNames[][2] = {{"defineBindings", "announceBindings"},  // in the order of Bind
                                       {"defineEnv", "announceEnv"},
                                       {"defineProcessEnv", "announceProcessEnv"}};
  return !callDispatch(context, dispatch, kNames[static_cast<int>(what)][toBeWritten ? 1 : 0], arguments).IsEmpty();
}

bool ScriptIsolate::bindGlobals(v8::Local<v8::Context> context, v8::Local<v8::Object> dispatch, Failure& failure) {
  v8::TryCatch caught(heap_->isolate());
  return bind(context, dispatch, Bind::kGlobals) || failureOf(context, caught, failure);
}

void ScriptIsolate::makeModules(js::ModuleGraph::Compile compile) {
  using Gives = js::ModuleGraph::RequireGives;
  const auto& chosen = version_->compatibility();
  modules_ = std::make_unique<js::ModuleGraph>(heap_->isolate(), version_->sources(), compile);
  modules_->requireGives = chosen.has(wire::Compatibility::kRequireReturnsDefaultExport) ? Gives::kDefaultOrCopy
                           : chosen.has(wire::Compatibility::kExportCommonJsDefault)     ? Gives::kDefault
                                                                                         : Gives::kNamespace;
}

// The modules of the platform, for the script to import now or later.
void ScriptIsolate::offerBuiltins() {
  const bool compat = version_->compatibility().has(wire::Compatibility::kNodejsCompat);
  const bool hooks = compat || version_->compatibility().has(wire::Compatibility::kNodejsAls);
  if (compat) modules_->findBuiltinCode = findNodeModule;
  modules_->findBuiltin = [this, compat, hooks](std::string_view name, bool byBuiltin) -> v8::MaybeLocal<v8::Object> {
    v8::Isolate* isolate = heap_->isolate();
    const auto context = isolate->GetCurrentContext();
    if (compat && name == kAsyncHooks.substr(kNode.size())) name = kAsyncHooks;
    if (name.starts_with(kNode) && !(hooks && name == kAsyncHooks) && !(byBuiltin && name == kNodeHost)) return {};
    v8::Local<v8::Value> all;
    v8::Local<v8::Value> found;
    if (!dispatch_.Get(isolate)->Get(context, text(isolate, "modules")).ToLocal(&all) || !all->IsObject() ||
        !all.As<v8::Object>()->Get(context, utf8(name)).ToLocal(&found) || !found->IsObject()) {
      return {};
    }
    return found.As<v8::Object>();
  };
  modules_->whyMissing = [](std::string_view name) -> std::string_view {
    if (name == kAsyncHooks) return "It needs the compatibility flag nodejs_als or nodejs_compat.";
    if (findNodeModule(name, false).text != nullptr) return "It needs the compatibility flag nodejs_compat.";
    if (name.starts_with(kNode)) return "This module of Node.js is not served here.";
    if (name.starts_with(kPlatform)) return "This module of the platform is not served here.";
    return {};
  };
  modules_->onBuiltin = [this](std::string_view name) {
    v8::Isolate* isolate = heap_->isolate();
    const auto bound = [&](Bind what) { return bind(isolate->GetCurrentContext(), dispatch_.Get(isolate), what); };
    if (name == kWorkersModule) return bound(Bind::kEnv);
    return name != kNodeHost || !populatesProcessEnv() || bound(Bind::kProcessEnv);
  };
}

bool ScriptIsolate::populatesProcessEnv() const {
  return version_->compatibility().has(wire::Compatibility::kNodejsCompatPopulateProcessEnv);
}

v8::MaybeLocal<v8::Object> ScriptIsolate::nodeModule(std::string_view name) {
  if (name.starts_with(kPlatform)) return {};
  return modules_->builtin(heap_->isolate()->GetCurrentContext(), name);
}

v8::Local<v8::Value> ScriptIsolate::readBinding(v8::Local<v8::Value> name) {
  v8::Isolate* isolate = heap_->isolate();
  const auto context = isolate->GetCurrentContext();
  if (obstacle_.empty()) {
    obstacle_ = "the top-level scope reads the binding \"" + js::toUtf8(isolate, name, wire::Bounds::kNameBytesMax) +
                "\", whose value is not written to disk";
  }
  v8::Local<v8::Value> values;
  v8::Local<v8::Value> value;
  if (!bindingValues(context).ToLocal(&values) || !values->IsObject() ||
      !values.As<v8::Object>()->Get(context, name).ToLocal(&value)) {
    return v8::Undefined(isolate);
  }
  return value;
}

void ScriptIsolate::giveUpHeap(std::string_view builtin) {
  if (obstacle_.empty()) {
    obstacle_ = "the top-level scope uses " + std::string(builtin) + ", which cannot be part of a heap that is written";
  }
  heap_->isolate()->TerminateExecution();
}

// ---- start ----

bool ScriptIsolate::bindDispatch(v8::Local<v8::Context> context, v8::Local<v8::Object> dispatch) {
  v8::Isolate* isolate = heap_->isolate();
  dispatch_.Reset(isolate, dispatch);
  for (int i = 0; i < kFunctionCount; ++i) {
    v8::Local<v8::Value> value;
    if (!dispatch->Get(context, text(isolate, kFunctionNames[i])).ToLocal(&value) || !value->IsFunction()) {
      return false;
    }
    functions_[i].Reset(isolate, value.As<v8::Function>());
  }
  return true;
}

bool ScriptIsolate::callStart(v8::Local<v8::Context> context, v8::Local<v8::Object> dispatch,
                              v8::Local<v8::Value> space, Failure& failure) {
  v8::Isolate* isolate = heap_->isolate();
  v8::TryCatch caught(isolate);
  v8::Local<v8::Value> values = v8::Object::New(isolate);
  v8::Local<v8::Value> platform = v8::Undefined(isolate);
  // The heap of a check is written to disk: the values come when an isolate starts from it.
  if (purpose_ == js::Heap::Purpose::kRun &&
      (!bindingValues(context).ToLocal(&values) || !stubs(context).ToLocal(&platform))) {
    return malformed("The version's bindings cannot be read.", failure);
  }
  v8::Local<v8::Value> handlers = v8::Undefined(isolate);
  if (space->IsObject() && !space.As<v8::Object>()->Get(context, text(isolate, "default")).ToLocal(&handlers)) {
    return failureOf(context, caught, failure);
  }
  v8::Local<v8::Value> names;
  v8::Local<v8::Value> arguments[] = {handlers, space, values, platform};
  if (!callDispatch(context, dispatch, "start", arguments).ToLocal(&names)) return failureOf(context, caught, failure);
  handlers_.clear();
  if (names->IsArray()) {
    const auto list = names.As<v8::Array>();
    for (uint32_t i = 0; i < std::min<uint32_t>(list->Length(), wire::Bounds::kHandlersMax); ++i) {
      v8::Local<v8::Value> name;
      if (!list->Get(context, i).ToLocal(&name)) break;
      const std::string handler = js::toUtf8(isolate, name, wire::Bounds::kNameBytesMax);
      if (!wire::isHandlerName(handler)) continue;  // a method that is called ["like this"]()
      if (!handlers_.empty()) handlers_ += ',';
      handlers_ += handler;
    }
  }
  if (handlers_.empty() && names->IsArray() && names.As<v8::Array>()->Length() > 0) handlers_ = "methods";
  if (handlers_.empty()) {
    failure.failure = wire::StartFailure::kNoHandlers;
    failure.message = "No event handlers were registered. This script does nothing.";
    return false;
  }
  return true;
}

bool ScriptIsolate::startFromSource(v8::Local<v8::Context> context, v8::Local<v8::Object> dispatch, Failure& failure) {
  v8::Isolate* isolate = heap_->isolate();
  const bool toBeWritten = purpose_ == js::Heap::Purpose::kSnapshot;
  makeModules(toBeWritten ? js::ModuleGraph::Compile::kEagerly : js::ModuleGraph::Compile::kLazily);
  modules_->onCompiled = onCompiled;
  offerBuiltins();
  source_ = wire::StartSource::kCompiled;
  if (toBeWritten && callDispatch(context, dispatch, "standIn", {}).IsEmpty()) {
    return malformed("The builtins that V8 adds late cannot be stood in for.", failure);
  }
  if (version_->compatibility().has(wire::Compatibility::kNodejsCompat) &&
      callDispatch(context, dispatch, "offerNodeGlobals", {}).IsEmpty()) {
    return malformed("The globals of Node.js cannot be defined.", failure);
  }
  const bool isScript = version_->bundle().syntax == wire::Syntax::kServiceWorker;
  if (toBeWritten && modules_->declaresResources(context, isScript)) {
    obstacle_ = "the script declares a resource with `using`, which cannot be part of a heap that is written";
    return malformed("The heap is given up.", failure);
  }
  v8::Local<v8::Value> space = v8::Undefined(isolate);
  if (isScript) {
    if (!bindGlobals(context, dispatch, failure)) return false;
    v8::TryCatch caught(isolate);
    if (modules_->runScript(context).IsEmpty()) return failureOf(context, caught, failure);
  } else {
    v8::TryCatch caught(isolate);
    v8::Local<v8::Object> object;
    if (!modules_->run(context).ToLocal(&object)) return failureOf(context, caught, failure);
    space = object;
  }
  if (modules_->usedCodeCache()) source_ = wire::StartSource::kCodeCache;
  return callStart(context, dispatch, space, failure);
}

bool ScriptIsolate::startFromSnapshot(v8::Local<v8::Context> context, v8::Local<v8::Object> dispatch,
                                      Failure& failure) {
  v8::Isolate* isolate = heap_->isolate();
  source_ = wire::StartSource::kSnapshot;
  makeModules(js::ModuleGraph::Compile::kLazily);
  if (!modules_->restore(context, kModulesData) || callDispatch(context, dispatch, "arrive", {}).IsEmpty()) {
    return malformed("The version's snapshot does not hold its modules.", failure);
  }
  offerBuiltins();
  if ((modules_->usesBuiltin(kWorkersModule) && !bind(context, dispatch, Bind::kEnv)) ||
      (modules_->usesBuiltin(kNodeHost) && populatesProcessEnv() && !bind(context, dispatch, Bind::kProcessEnv))) {
    return malformed("The version's bindings cannot be read.", failure);
  }
  v8::Local<v8::Value> space = v8::Undefined(isolate);
  if (version_->bundle().syntax == wire::Syntax::kServiceWorker) {
    if (!bindGlobals(context, dispatch, failure)) return false;
  } else {
    v8::Local<v8::Object> object;
    if (!modules_->mainNamespace().ToLocal(&object)) {
      return malformed("The version's snapshot does not hold its main module.", failure);
    }
    space = object;
  }
  return callStart(context, dispatch, space, failure);
}

bool ScriptIsolate::startIn(v8::Local<v8::Context> context, v8::Local<v8::Object> dispatch, Failure& failure) {
  nowMs_ = 0;
  context_.Reset(heap_->isolate(), context);
  context->AllowCodeGenerationFromStrings(false);
  if (!bindDispatch(context, dispatch)) return malformed("The web API lacks a function of this engine.", failure);
  const bool ok =
      fromSnapshot_ ? startFromSnapshot(context, dispatch, failure) : startFromSource(context, dispatch, failure);
  rejections_.clear();
  return ok;
}

bool ScriptIsolate::start(Failure& failure) {
  const auto context = v8::Context::New(heap_->isolate());
  context->Enter();
  v8::Local<v8::Object> dispatch;
  if (!context->GetDataFromSnapshotOnce<v8::Object>(kDispatchData).ToLocal(&dispatch)) {
    return malformed("The start-up snapshot does not hold the web API of this engine.", failure);
  }
  return startIn(context, dispatch, failure);
}

// ---- images ----

std::map<std::string, std::vector<uint8_t>> ScriptIsolate::codeCaches() {
  return modules_ ? modules_->codeCaches() : std::map<std::string, std::vector<uint8_t>>{};
}

std::vector<char> ScriptIsolate::writeHeap(std::string& reason) {
  CHECK(purpose_ == js::Heap::Purpose::kSnapshot);
  if (modules_->holdsWasm()) {
    reason = "the top-level scope made a WebAssembly module, which a heap snapshot cannot hold";
    return {};
  }
  if (!obstacle_.empty()) {
    reason = obstacle_;
    return {};
  }
  v8::Isolate* isolate = heap_->isolate();
  v8::SnapshotCreator* creator = heap_->snapshotCreator();
  const v8::Locker locker(isolate);
  {
    const v8::HandleScope handles(isolate);
    const auto context = context_.Get(isolate);
    const v8::Context::Scope scope(context);
    const auto dispatch = dispatch_.Get(isolate);
    v8::Local<v8::Value> stuck;
    if (!callDispatch(context, dispatch, "withdraw", {}).ToLocal(&stuck) || stuck->IsString()) {
      reason = "after the top-level scope V8 could not add " +
               (stuck.IsEmpty() ? "a builtin" : js::toUtf8(isolate, stuck, 256)) +
               ", as it does when the heap is read back";
      return {};
    }
    creator->AddData(context, dispatch);
    modules_->save(*creator, context);
    rejections_.clear();
    for (auto& function : functions_) function.Reset();
    dispatch_.Reset();
    modules_.reset();
    creator->SetDefaultContext(context);
  }
  context_.Reset();
  const v8::StartupData blob = creator->CreateBlob(v8::SnapshotCreator::FunctionCodeHandling::kKeep);
  std::vector<char> bytes;
  if (blob.data == nullptr) {
    reason = "V8 could not write the heap";
  } else {
    bytes.assign(blob.data, blob.data + blob.raw_size);
    delete[] blob.data;
  }
  return bytes;
}

}  // namespace weir::engine
