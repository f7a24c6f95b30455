#include "engine/base_snapshot.h"

#include <memory>

#include "engine/host_functions.h"
#include "engine/socket_functions.h"
#include "engine/web_source.h"
#include "js/exception.h"
#include "js/heap.h"
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

}  // namespace

const std::vector<intptr_t>& externalReferences() {
  static const std::vector<intptr_t> references = [] {
    std::vector<intptr_t> list;
    for (const auto& native : hostFunctions()) list.push_back(reinterpret_cast<intptr_t>(native.callback));
    for (const auto& native : socketFunctions()) list.push_back(reinterpret_cast<intptr_t>(native.callback));
    for (const auto& native : web::natives()) list.push_back(reinterpret_cast<intptr_t>(native.callback));
    for (const intptr_t reference : js::ModuleGraph::externalReferences()) list.push_back(reference);
    list.push_back(reinterpret_cast<intptr_t>(&webSource()));
    list.push_back(0);
    return list;
  }();
  return references;
}

std::vector<char> makeBaseSnapshot(node::MultiIsolatePlatform& platform, std::string& error) {
  js::HeapOptions options;
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
    v8::TryCatch caught(isolate);
    // V8 adds it to a context when the snapshot is read back (web/core/late_builtins.js); the bundle wants to know it.
    const auto name = v8::String::NewFromUtf8Literal(isolate, "SharedArrayBuffer");
    const auto constructor = v8::SharedArrayBuffer::New(isolate, 1)
                                 ->Get(context, v8::String::NewFromUtf8Literal(isolate, "constructor"))
                                 .ToLocalChecked();
    context->Global()->Set(context, name, constructor).Check();
    const auto code = v8::String::NewExternalOneByte(isolate, &webSource()).ToLocalChecked();
    v8::ScriptOrigin origin(v8::String::NewFromUtf8Literal(isolate, "weir:web"));
    v8::ScriptCompiler::Source source(code, origin);
    v8::Local<v8::Function> wrapped;
    v8::Local<v8::Value> install;
    v8::Local<v8::Value> dispatch;
    if (v8::ScriptCompiler::CompileFunction(context, &source, 0, nullptr, 0, nullptr, v8::ScriptCompiler::kEagerCompile)
            .ToLocal(&wrapped) &&
        wrapped->Call(context, v8::Undefined(isolate), 0, nullptr).ToLocal(&install) && install->IsFunction()) {
      v8::Local<v8::Value> arguments[] = {makeHost(context), context->Global()};
      if (install.As<v8::Function>()->Call(context, v8::Undefined(isolate), 2, arguments).ToLocal(&dispatch) &&
          dispatch->IsObject()) {
        isolate->PerformMicrotaskCheckpoint();
        context->AllowCodeGenerationFromStrings(false);
        context->Global()->Delete(context, name).Check();
        creator->AddData(context, dispatch);
        creator->SetDefaultContext(context);
        ok = true;
      }
    }
    if (!ok) {
      if (caught.HasCaught()) {
        const auto text = js::describe(isolate, context, caught.Exception(), caught.Message());
        error = text.name + ": " + text.message + " (line " + std::to_string(text.line) + ")\n" + text.stack;
      } else {
        error = "the bundle's value is not the install function";
      }
      creator->SetDefaultContext(context);
    }
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
