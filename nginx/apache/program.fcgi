#!/bin/sh
# Starts the program of the same name with its configuration; see .htaccess beside this file.
directory=/home/account/messagerie

MESSAGERIE_CONFIG=$directory/messagerie.conf
export MESSAGERIE_CONFIG
exec "$directory/${0##*/}"
