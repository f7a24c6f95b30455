#include "engine/base_snapshot.h"

#include <memory>

#include "engine/base_rehearsal.h"
#include "engine/host_functions.h"
#include "engine/node_source.h"
#include "engine/socket_functions.h"
#include "engine/web_source.h"
#include "js/exception.h"
#include "js/heap.h"
#include "js/lazy_property.h"
#include "js/modules.h"
#include "web/natives.h"

namespace weir::engine {

namespace {

constexpr size_t kBuildHeapBytes = 256u << 20;

v8::Local<v8::Object> makeHost(v8::Local<v8::Context> context) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  const auto host = v8::Object::New(isolate, v8::Null(isolate), nullptr, nullptr, 0);
  const auto add = [&](std::span<const js::Native> natives) {
    for (const js::Native& native : natives) {
      const auto name = v8::String::NewFromUtf8(isolate, native.name).ToLocalChecked();
      const auto function =
          v8::Function::New(context, native.callback, {}, 0, v8::ConstructorBehavior::kThrow).ToLocalChecked();
      host->Set(context, name, function).Check();
    }
  };
  add(hostFunctions());
  add(socketFunctions());
  add(web::natives());
  return host;
}

// The heap of nothing but V8's own.
std::vector<char> makeEmptyHeap(node::MultiIsolatePlatform& platform) {
  js::HeapOptions options;
  options.externalReferences = externalReferences().data();
  options.limitBytes = kBuildHeapBytes;
  js::Heap heap(platform, options, js::Heap::Purpose::kSnapshot);
  {
    const v8::HandleScope handles(heap.isolate());
    heap.snapshotCreator()->SetDefaultContext(v8::Context::New(heap.isolate()));
  }
  const v8::StartupData blob = heap.snapshotCreator()->CreateBlob(v8::SnapshotCreator::FunctionCodeHandling::kKeep);
  std::vector<char> bytes(blob.data, blob.data + blob.raw_size);
  delete[] blob.data;
  heap.endSnapshot();
  return bytes;
}

}  // namespace

bool installWebApi(v8::Local<v8::Context> context, std::span<const uint8_t> code, InstalledWebApi& installed,
                   std::string& error) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  v8::TryCatch caught(isolate);
  // V8 adds it to a context when the snapshot is read back (web/core/late_builtins.js); the bundle wants to know it.
  const auto name = v8::String::NewFromUtf8Literal(isolate, "SharedArrayBuffer");
  const auto constructor = v8::SharedArrayBuffer::New(isolate, 1)
                               ->Get(context, v8::String::NewFromUtf8Literal(isolate, "constructor"))
                               .ToLocalChecked();
  context->Global()->Set(context, name, constructor).Check();
  const auto text = v8::String::NewExternalOneByte(isolate, &webSource()).ToLocalChecked();
  v8::ScriptOrigin origin(v8::String::NewFromUtf8Literal(isolate, "weir:web"));
  auto* cache = code.empty() ? nullptr : new v8::ScriptCompiler::CachedData(code.data(), static_cast<int>(code.size()));
  v8::ScriptCompiler::Source source(text, origin, cache);
  v8::Local<v8::Value> install;
  v8::Local<v8::Value> dispatch;
  if (v8::ScriptCompiler::CompileFunction(
          context, &source, 0, nullptr, 0, nullptr,
          cache != nullptr ? v8::ScriptCompiler::kConsumeCodeCache : v8::ScriptCompiler::kNoCompileOptions)
          .ToLocal(&installed.installer)) {
    if (cache != nullptr && cache->rejected) {
      error = "V8 refuses the code cache of the rehearsal, reason " +
              std::to_string(static_cast<int>(cache->CompatibilityCheck(isolate)));
      return false;
    }
    if (installed.installer->Call(context, v8::Undefined(isolate), 0, nullptr).ToLocal(&install) &&
        install->IsFunction()) {
      const auto defineLazy = v8::Function::New(context, js::defineLazyProperty).ToLocalChecked();
      v8::Local<v8::Value> arguments[] = {makeHost(context), context->Global(), defineLazy};
      if (install.As<v8::Function>()->Call(context, v8::Undefined(isolate), 3, arguments).ToLocal(&dispatch) &&
          dispatch->IsObject()) {
        isolate->PerformMicrotaskCheckpoint();
        context->AllowCodeGenerationFromStrings(false);
        context->Global()->Delete(context, name).Check();
        installed.dispatch = dispatch.As<v8::Object>();
        return true;
      }
    }
  }
  if (caught.HasCaught()) {
    const auto thrown = js::describe(isolate, context, caught.Exception(), caught.Message());
    error = thrown.name + ": " + thrown.message + " (line " + std::to_string(thrown.line) + ")\n" + thrown.stack;
  } else {
    error = "the bundle's value is not the install function";
  }
  return false;
}

const std::vector<intptr_t>& externalReferences() {
  static const std::vector<intptr_t> references = [] {
    std::vector<intptr_t> list;
    for (const auto& native : hostFunctions()) list.push_back(reinterpret_cast<intptr_t>(native.callback));
    for (const auto& native : socketFunctions()) list.push_back(reinterpret_cast<intptr_t>(native.callback));
    for (const auto& native : web::natives()) list.push_back(reinterpret_cast<intptr_t>(native.callback));
    for (const intptr_t reference : js::ModuleGraph::externalReferences()) list.push_back(reference);
    for (const intptr_t reference : js::lazyPropertyReferences()) list.push_back(reference);
    for (const intptr_t reference : nodeModuleReferences()) list.push_back(reference);
    list.push_back(reinterpret_cast<intptr_t>(&webSource()));
    list.push_back(0);
    return list;
  }();
  return references;
}

std::vector<char> makeBaseSnapshot(node::MultiIsolatePlatform& platform, std::string& error) {
  // A code cache is only taken in an isolate of the same snapshot as the one that made it: both start from this.
  const std::vector<char> empty = makeEmptyHeap(platform);
  const v8::StartupData from{empty.data(), static_cast<int>(empty.size())};
  const std::vector<uint8_t> code = rehearse(platform, from, error);
  if (code.empty()) return {};
  js::HeapOptions options;
  options.blob = &from;
  options.externalReferences = externalReferences().data();
  options.limitBytes = kBuildHeapBytes;
  js::Heap heap(platform, options, js::Heap::Purpose::kSnapshot);
  v8::Isolate* isolate = heap.isolate();
  v8::SnapshotCreator* creator = heap.snapshotCreator();
  bool ok = false;
  {
    const v8::HandleScope handles(isolate);
    const auto context = v8::Context::New(isolate);
    const v8::Context::Scope scope(context);
    InstalledWebApi installed;
    ok = installWebApi(context, code, installed, error);
    if (ok) creator->AddData(context, installed.dispatch);
    creator->SetDefaultContext(context);
  }
  const v8::StartupData blob = creator->CreateBlob(v8::SnapshotCreator::FunctionCodeHandling::kKeep);
  std::vector<char> bytes;
  if (ok && !blob.CanBeRehashed()) {
    // Its tables would keep the hash seed of this process, and nothing would be found in them by another.
    error = "the base heap holds a Map, Set or module that is not empty, which V8 cannot hash anew";
    ok = false;
  }
  if (ok) bytes.assign(blob.data, blob.data + blob.raw_size);
  delete[] blob.data;
  heap.endSnapshot();
  return bytes;
}

}  // namespace weir::engine
