#include "engine/ready_notice.h"

#include <unistd.h>
#include <v8.h>

#include <cstdio>
#include <vector>

#include "wire/codec.h"

namespace weir::engine {

void sayReady(wire::ControlSocket& control, const wire::Confinements& confinements) {
  const auto report = confinements.encode();
  wire::EngineReady message;
  message.v8Version = v8::V8::GetVersion();
  message.confinements = {reinterpret_cast<const uint8_t*>(report.data()), report.size()};
  std::vector<uint8_t> ready;
  wire::encode<wire::Notice>(message, ready);
  const auto sent = control.send({reinterpret_cast<const std::byte*>(ready.data()), ready.size()});
  if (sent.ok()) return;
  std::fprintf(stderr, "weir-engine: %s\n", sent.error().message.c_str());
  _exit(2);
}

}  // namespace weir::engine
