#include "engine/socket_functions.h"

#include <array>

#include "engine/host_arguments.h"
#include "js/exception.h"

namespace weir::engine {

namespace {

void compatible(Arguments info) {
  v8::Isolate* isolate = info.GetIsolate();
  const auto flag = wire::findCompatibility(js::toUtf8(isolate, info[0], wire::Bounds::kNameBytesMax));
  // No version runs while the base snapshot is made.
  const auto& version = ScriptIsolate::of(isolate)->version();
  info.GetReturnValue().Set(flag && version && version->compatibility().has(*flag));
}

void socketAccept(Arguments info) {
  auto& script = *ScriptIsolate::of(info.GetIsolate());
  if (Invocation* invocation = invocationOf(info, script)) script.socketAccept(*invocation, unsignedOf(info[1]));
}

void socketSend(Arguments info) {
  v8::Isolate* isolate = info.GetIsolate();
  auto& script = *ScriptIsolate::of(isolate);
  Invocation* invocation = invocationOf(info, script);
  if (invocation == nullptr) return;
  const auto kind = info[2]->IsString() ? wire::SocketMessageKind::kText : wire::SocketMessageKind::kBinary;
  std::string storage;
  const wire::Bytes bytes = bodyBytes(isolate, info[2], storage);
  script.socketSend(*invocation, unsignedOf(info[1]), kind, bytes);
}

void socketClose(Arguments info) {
  v8::Isolate* isolate = info.GetIsolate();
  auto& script = *ScriptIsolate::of(isolate);
  Invocation* invocation = invocationOf(info, script);
  if (invocation == nullptr) return;
  const uint32_t code = unsignedOf(info[2]);
  if (code < 1000 || code > 4999) return;
  std::string storage;
  const wire::Bytes reason = info[3]->IsString() ? bodyBytes(isolate, info[3], storage) : wire::Bytes{};
  script.socketClose(*invocation, unsignedOf(info[1]), static_cast<uint16_t>(code),
                     {reinterpret_cast<const char*>(reason.data()), reason.size()});
}

void socketAbort(Arguments info) {
  auto& script = *ScriptIsolate::of(info.GetIsolate());
  const uint32_t code = unsignedOf(info[2]);
  if (code < 1000 || code > 4999) return;
  Invocation* invocation = script.find(unsignedOf(info[0]));
  if (invocation != nullptr) script.socketAbort(*invocation, unsignedOf(info[1]), static_cast<uint16_t>(code));
}

}  // namespace

std::span<const js::Native> socketFunctions() {
  static constexpr std::array kFunctions{
      js::Native{"compatible", compatible},   js::Native{"socketAccept", socketAccept},
      js::Native{"socketSend", socketSend},   js::Native{"socketClose", socketClose},
      js::Native{"socketAbort", socketAbort},
  };
  return kFunctions;
}

}  // namespace weir::engine
