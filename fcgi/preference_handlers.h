/*
 * What a person wants to be told of while they are away: handlers for the table of the program that
 * has conversations, which is what is muted.
 */
#ifndef MESSAGERIE_FCGI_PREFERENCE_HANDLERS_H
#define MESSAGERIE_FCGI_PREFERENCE_HANDLERS_H

#include "fcgi/router.h"

route_handler handle_find_preferences;
route_handler handle_change_preferences;
route_handler handle_mute;
route_handler handle_unmute;

#endif
