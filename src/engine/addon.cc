// The addon's entry: what the host executable loads. `main(arguments)` is either
//   snapshot BUNDLE.js OUT.bin     write the base snapshot (build time; nothing is confined)
//   check                          become an engine that checks one version and ends (version_checker.h)
//   nursery                        make such engines, as copies of this process (nursery.h)
//   serve LOOPS MEMORY_BUDGET_MB   become an engine on the descriptors of wire/engine_descriptors.h; never returns
#include <fcntl.h>
#include <node.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "engine/base_snapshot.h"
#include "engine/lane.h"
#include "engine/lockdown.h"
#include "engine/nursery.h"
#include "engine/park.h"
#include "engine/ready_notice.h"
#include "engine/version_checker.h"
#include "js/exception.h"
#include "js/heap.h"
#include "js/wasm_memory.h"
#include "wire/confinement.h"
#include "wire/engine_descriptors.h"

namespace weir::engine {

namespace {

[[noreturn]] void giveUp(const char* what) {
  std::fprintf(stderr, "weir-engine: %s\n", what);
  _exit(2);
}

void* mapShared(int descriptor, size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) giveUp("cannot map a ring");
  close(descriptor);
  return memory;
}

int writeSnapshot(node::MultiIsolatePlatform& platform, const std::string& outPath) {
  std::string error;
  const std::vector<char> bytes = makeBaseSnapshot(platform, error);
  if (bytes.empty()) {
    std::fprintf(stderr, "weir-engine: the web API's JavaScript failed: %s\n", error.c_str());
    return 1;
  }
  std::ofstream out(outPath, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return out.good() ? 0 : 1;
}

v8::StartupData mapBaseSnapshot() {
  auto base = wire::mapSealedBlob(wire::kBaseSnapshotDescriptor, size_t{64} << 20);
  if (!base.ok()) giveUp(base.error().message.c_str());
  static wire::BlobMapping mapping = std::move(base).value();
  const v8::StartupData blob{reinterpret_cast<const char*>(mapping.bytes().data()),
                             static_cast<int>(mapping.bytes().size())};
  if (!blob.IsValid()) giveUp("the start-up snapshot was made by another V8; build weir again");
  return blob;
}

void countWasmMemories() {
  if (!js::installWasmMemoryCount()) std::fputs("the memories of Wasm are not counted with this host\n", stderr);
}

[[noreturn]] void check(node::MultiIsolatePlatform& platform, const v8::StartupData& base, uint32_t hashMark,
                        wire::ControlSocket control, const wire::Confinements& confinements) {
  static VersionChecker checker(platform, base, hashMark, std::move(control));
  checker.run([&](wire::ControlSocket& socket) { sayReady(socket, confinements); });
}

[[noreturn]] void check(node::MultiIsolatePlatform& platform, uint32_t hashMark) {
  const v8::StartupData base = mapBaseSnapshot();
  countWasmMemories();
  check(platform, base, hashMark, wire::ControlSocket(wire::Descriptor(wire::kControlDescriptor)), lockDown({}));
}

[[noreturn]] void nursery(node::MultiIsolatePlatform& platform, uint32_t hashMark, v8::Isolate* host) {
  const v8::StartupData base = mapBaseSnapshot();
  countWasmMemories();
  auto copy = Nursery(platform, base, host).run();
  check(platform, base, hashMark, std::move(copy.control), copy.confinements);
}

[[noreturn]] void serve(node::MultiIsolatePlatform& platform, uint32_t hashMark, int loops, size_t memoryBudgetBytes) {
  const v8::StartupData blob = mapBaseSnapshot();
  Lane::Setup setup{platform,
                    blob,
                    hashMark,
                    nullptr,
                    wire::kEventWakeDescriptor,
                    wire::ControlSocket(wire::Descriptor(wire::kControlDescriptor)),
                    {},
                    memoryBudgetBytes};
  setup.eventRing = mapShared(wire::kEventRingDescriptor, wire::ringMemoryBytes(wire::Bounds::kEventRingBytes));
  for (int loop = 0; loop < loops; ++loop) {
    setup.effectPorts.push_back(
        {mapShared(wire::effectRingDescriptor(loop), wire::ringMemoryBytes(wire::Bounds::kEffectRingBytes)),
         wire::effectWakeDescriptor(loop)});
  }
  installParking();

  std::vector<int> keep{wire::kEventWakeDescriptor};
  for (int loop = 0; loop < loops; ++loop) keep.push_back(wire::effectWakeDescriptor(loop));
  countWasmMemories();
  sayReady(setup.control, lockDown({.keep = keep}));
  static Lane lane(std::move(setup));
  lane.run();
}

void mainFunction(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* isolate = info.GetIsolate();
  const auto context = isolate->GetCurrentContext();
  std::vector<std::string> arguments;
  if (info[0]->IsArray()) {
    const auto list = info[0].As<v8::Array>();
    for (uint32_t i = 0; i < list->Length(); ++i) {
      arguments.push_back(js::toUtf8(isolate, list->Get(context, i).ToLocalChecked(), 4096));
    }
  }
  auto* platform = node::GetMultiIsolatePlatform(node::GetCurrentEnvironment(context));
  if (arguments.size() == 2 && arguments[0] == "snapshot") {
    _exit(writeSnapshot(*platform, arguments[1]));
  }
  if (arguments.size() == 3 && arguments[0] == "serve") {
    const int loops = std::atoi(arguments[1].c_str());
    const long budgetMb = std::atol(arguments[2].c_str());
    if (loops < 1 || loops > 24 || budgetMb < 1) giveUp("bad arguments");
    serve(*platform, js::hashMark(isolate), loops, static_cast<size_t>(budgetMb) << 20);
  }
  if (arguments.size() == 1 && arguments[0] == "check") check(*platform, js::hashMark(isolate));
  if (arguments.size() == 1 && arguments[0] == "nursery") nursery(*platform, js::hashMark(isolate), isolate);
  giveUp("this addon is started by weir, with `snapshot`, `check`, `nursery` or `serve`");
}

}  // namespace

void initialise(v8::Local<v8::Object> exports, v8::Local<v8::Value>, v8::Local<v8::Context> context, void*) {
  const auto name = v8::String::NewFromUtf8Literal(v8::Isolate::GetCurrent(), "main");
  exports->Set(context, name, v8::Function::New(context, mainFunction).ToLocalChecked()).Check();
}

}  // namespace weir::engine

NODE_MODULE_CONTEXT_AWARE(weir_engine, weir::engine::initialise)
