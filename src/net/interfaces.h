// The addresses of this machine.
#pragma once

#include <vector>

#include "net/address.h"

namespace weir::net {

// By which addresses of this machine `listening` can be reached: itself, or every interface's when it is the
// unspecified one (IPv4 is among them for [::], which takes both).
std::vector<Address> reachableAddresses(const Address& listening);

}  // namespace weir::net
