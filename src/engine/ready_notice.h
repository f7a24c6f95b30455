// An engine's first word to the platform.
#pragma once

#include "wire/confinement.h"
#include "wire/control_socket.h"

namespace weir::engine {

// Ends the process when it cannot be said.
void sayReady(wire::ControlSocket& control, const wire::Confinements& confinements);

}  // namespace weir::engine
