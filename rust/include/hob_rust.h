/* The C interface of rust/: chat templates. */
#pragma once
