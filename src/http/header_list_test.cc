#include "http/header_list.h"
