import { JwtService } from '@nestjs/jwt';
import {
    ConnectedSocket, MessageBody, OnGatewayConnection, SubscribeMessage, WebSocketGateway,
    WebSocketServer,
} from '@nestjs/websockets';
import { InjectRepository } from '@nestjs/typeorm';
import { Namespace, Socket } from 'socket.io';
import { Repository } from 'typeorm';

import { Claims } from './auth.guard';
import { Conversation } from './entities';

@WebSocketGateway({ namespace: '/messaging' })
export class MessagingGateway implements OnGatewayConnection {
    @WebSocketServer() private readonly server: Namespace;

    constructor(
        private readonly jwtService: JwtService,
        @InjectRepository(Conversation) private readonly conversations: Repository<Conversation>,
    ) {}

    async handleConnection(socket: Socket) {
        try {
            const { userId } = await this.jwtService.verifyAsync<Claims>(socket.handshake.auth.token);
            socket.data.userId = userId;
            await socket.join(`user:${userId}`);
        } catch {
            socket.disconnect(true);
        }
    }

    @SubscribeMessage('join-conversation')
    async join(@ConnectedSocket() socket: Socket,
        @MessageBody() { conversationId }: { conversationId: string }) {
        const { userId } = socket.data;
        const isMember = await this.conversations.existsBy([
            { id: conversationId, salonId: userId }, { id: conversationId, clientUserId: userId }]);
        if (!isMember)
            return { status: 'error' };
        await socket.join(`room:${conversationId}`);
        return { status: 'ok' };
    }

    tellRoom(conversationId: string, name: string, payload: unknown) {
        this.server.to(`room:${conversationId}`).emit(name, payload);
    }

    tellUser(userId: string, name: string, payload: unknown) {
        this.server.to(`user:${userId}`).emit(name, payload);
    }
}
