/** Loaded after what one sees first. */

export { io } from 'socket.io-client';
