// Zone: a host name suffix with an origin; its routes, and custom domains. Values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/account.h"
#include "catalog/origin.h"

namespace weir::catalog {

struct Zone {
  std::string id;                // 32 hex digits
  std::string account;           // id
  std::string name;              // normalized host name; unique
  std::optional<Origin> origin;  // none: what no script answers is page 523
  UnixMs createdMs = 0;
  UnixMs modifiedMs = 0;
};

// A host belongs to the innermost zone: with zones example.com and eu.example.com, the second has a.eu.example.com, and
// no route of the first matches it.
struct NewZone {
  std::string account;
  std::string name;
  std::optional<Origin> origin;
  // The account makes it itself: within its limit, and only where no other account's zone lies around or inside.
  bool byAccount = false;
};

struct Route {
  std::string id;                     // 32 hex digits
  std::string zone;                   // id
  std::string pattern;                // as RoutePattern prints it; unique in its zone
  std::optional<std::string> script;  // none: what it matches goes to the origin
  bool failOpen = false;              // when the daily quota is used up: true: to the origin, false: page 1027
};

struct NewRoute {
  std::string pattern;
  std::optional<std::string> script;
  bool failOpen = false;
};

// One of all the routes of a script.
struct ScriptRoute {
  std::string zone;  // id
  std::string pattern;
};

// A whole host whose origin is a script. Routes of the zone still run before it.
struct CustomDomain {
  std::string id;
  std::string account;
  std::string hostname;             // normalized; unique
  std::optional<std::string> zone;  // id of the innermost zone, if the catalog has one
  std::string script;
  bool enabled = true;
  bool previews = false;
  UnixMs createdMs = 0;
};

struct NewCustomDomain {
  std::string account;
  std::string hostname;
  std::string script;
  bool enabled = true;
  bool previews = false;
};

// See Catalog::setDomains.
struct DomainChange {
  bool fromOthers = false;
  bool alone = false;
};

}  // namespace weir::catalog
