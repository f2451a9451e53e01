import { randomUUID } from 'node:crypto';

import { ForbiddenException, Injectable, NotFoundException } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, EntityManager, In, IsNull, LessThanOrEqual, Between, Repository } from 'typeorm';

import { Claims } from './auth.guard';
import { ConversationQuery, CreateMessageDto, PageQuery } from './dto';
import { Appointment, Attachment, Conversation, Message, OutboxEvent, Participant, User } from './entities';
import { MessagingGateway } from './messaging.gateway';
import { conversationView, messageView } from './views';

const otherOf = (conversation: Conversation, userId: string) =>
    (conversation.salonId === userId ? conversation.clientUserId : conversation.salonId);

@Injectable()
export class MessagingService {
    constructor(
        private readonly dataSource: DataSource,
        private readonly gateway: MessagingGateway,
        @InjectRepository(Conversation) private readonly conversations: Repository<Conversation>,
        @InjectRepository(Participant) private readonly participants: Repository<Participant>,
        @InjectRepository(Message) private readonly messages: Repository<Message>,
        @InjectRepository(Attachment) private readonly attachments: Repository<Attachment>,
        @InjectRepository(Appointment) private readonly appointments: Repository<Appointment>,
        @InjectRepository(User) private readonly users: Repository<User>,
    ) {}

    // ---- reading ----

    private async findConversation(id: string, userId: string, manager?: EntityManager) {
        const conversation = await (manager?.getRepository(Conversation) ?? this.conversations)
            .findOne({ where: { id }, relations: { salon: true, client: true } });
        if (!conversation)
            throw new NotFoundException('Conversation introuvable');
        if (conversation.salonId !== userId && conversation.clientUserId !== userId)
            throw new ForbiddenException('Vous ne participez pas à cette conversation');
        return conversation;
    }

    /** The position of a page's newest message; with deletions it has to be counted off. */
    private async findStart(conversation: Conversation, skip: number) {
        if (conversation.messageCount === conversation.lastPosition)
            return conversation.lastPosition - skip;
        const [first] = await this.messages.find({
            where: { conversationId: conversation.id }, order: { position: 'DESC' }, skip, take: 1,
        });
        return first?.position ?? 0;
    }

    private async addAttachments(messages: Message[]) {
        const owners = messages.filter(({ attachmentCount }) => attachmentCount > 0);
        if (owners.length === 0)
            return;
        const all = await this.attachments.find({
            where: {
                conversationId: owners[0].conversationId,
                position: In(owners.map(({ position }) => position)),
            },
            order: { ordinal: 'ASC' },
        });
        for (const message of owners)
            message.attachments = all.filter(({ position }) => position === message.position);
    }

    async findMessages(caller: Claims, conversationId: string, { page, limit }: PageQuery) {
        const conversation = await this.findConversation(conversationId, caller.userId);
        const start = await this.findStart(conversation, (page - 1) * limit);
        const rows = await this.messages.find({
            where: { conversationId, position: LessThanOrEqual(start) },
            order: { position: 'DESC' },
            take: limit + 1,
        });
        const data = rows.slice(0, limit);
        if (data.some(({ readAt, senderId }) => readAt === null && senderId !== caller.userId))
            await this.markRead(conversation, caller.userId, data);
        await this.addAttachments(data);
        const senders = new Map([[conversation.salonId, conversation.salon],
            [conversation.clientUserId, conversation.client]]);
        return {
            data: data.map((message) => messageView(message, senders.get(message.senderId)!)),
            total: conversation.messageCount,
            page,
            limit,
            totalPages: Math.ceil(conversation.messageCount / limit),
            hasMore: rows.length > limit,
            nextCursor: rows.length > limit ? `${data.at(-1)!.position}` : undefined,
        };
    }

    async findConversations(caller: Claims, { page, limit, status }: ConversationQuery) {
        const user = await this.users.findOneBy({ id: caller.userId });
        const query = this.participants.createQueryBuilder('participant')
            .innerJoinAndSelect('participant.conversation', 'conversation')
            .innerJoinAndSelect('conversation.salon', 'salon')
            .innerJoinAndSelect('conversation.client', 'client')
            .leftJoinAndMapOne('conversation.lastMessage', Message, 'message',
                'message.conversation_id = conversation.id'
                + ' AND message.position = conversation.last_position')
            .where('participant.user_id = :userId', { userId: caller.userId })
            .orderBy('participant.last_message_at', 'DESC')
            .addOrderBy('participant.conversation_id', 'DESC')
            .limit(limit)
            .offset((page - 1) * limit);
        if (status)
            query.andWhere('participant.status = :status', { status });
        const rows = await query.getMany();
        const emails = await this.visibleEmails(caller.userId, rows);
        const counts = { ACTIVE: user?.activeCount ?? 0, ARCHIVED: user?.archivedCount ?? 0 };
        const total = status ? counts[status as keyof typeof counts]
            : counts.ACTIVE + counts.ARCHIVED;
        return {
            data: rows.map(({ conversation, unreadCount }) =>
                conversationView(conversation, unreadCount, emails)),
            total,
            page,
            limit,
            totalPages: Math.ceil(total / limit),
        };
    }

    /** Whose address the caller may see: their own, and of who shares an appointment with them. */
    private async visibleEmails(userId: string, rows: Participant[]) {
        const others = rows.map(({ conversation }) => otherOf(conversation, userId));
        const shared = others.length === 0 ? [] : await this.appointments.find({
            where: [{ salonId: userId, clientUserId: In(others) },
                { clientUserId: userId, salonId: In(others) }],
        });
        return new Set([userId, ...shared.flatMap((one) => [one.salonId, one.clientUserId])]);
    }

    async totalUnread(caller: Claims) {
        const user = await this.users.findOneBy({ id: caller.userId });
        return { totalUnread: user?.unreadTotal ?? 0 };
    }

    // ---- writing ----

    private async markRead(conversation: Conversation, userId: string, data: Message[]) {
        const now = Date.now();
        const range = Between(data.at(-1)!.position, data[0].position);
        const total = await this.dataSource.transaction(async (manager) => {
            const { affected } = await manager.update(Message, {
                conversationId: conversation.id, senderId: otherOf(conversation, userId),
                position: range, readAt: IsNull(),
            }, { readAt: now });
            await manager.decrement(Participant, { userId, conversationId: conversation.id },
                'unreadCount', affected ?? 0);
            return this.addUnread(manager, userId, -(affected ?? 0));
        });
        for (const message of data)
            if (message.senderId !== userId)
                message.readAt ??= now;
        this.gateway.tellUser(userId, 'unread-count-updated', { totalUnread: total });
    }

    private async addUnread(manager: EntityManager, userId: string, difference: number) {
        await manager.increment(User, { id: userId }, 'unreadTotal', difference);
        return (await manager.findOneByOrFail(User, { id: userId })).unreadTotal;
    }

    async createMessage(caller: Claims, conversationId: string, dto: CreateMessageDto) {
        const { view, recipient, total } = await this.dataSource.transaction(async (manager) => {
            await manager.query('SELECT 1 FROM conversations WHERE id = $1 FOR UPDATE',
                [conversationId]);
            const conversation = await this.findConversation(conversationId, caller.userId, manager);
            return this.insertMessage(manager, conversation, caller.userId, dto);
        });
        this.gateway.tellRoom(conversationId, 'new-message', view);
        this.gateway.tellUser(recipient, 'unread-count-updated', { totalUnread: total });
        return view;
    }

    private async insertMessage(manager: EntityManager, conversation: Conversation,
        senderId: string, dto: CreateMessageDto) {
        const now = Date.now();
        const recipient = otherOf(conversation, senderId);
        const key = { conversationId: conversation.id, position: conversation.lastPosition + 1 };
        const message = Object.assign(new Message(), {
            ...key, id: randomUUID(), senderId, type: dto.type ?? 'TEXT', content: dto.content,
            createdAt: now, readAt: null, clientMessageId: dto.clientMessageId ?? null,
            attachmentCount: dto.attachments?.length ?? 0,
        });
        await manager.insert(Message, message);
        message.attachments = (dto.attachments ?? []).map((one, ordinal) =>
            Object.assign(new Attachment(), { ...key, ordinal, id: randomUUID(), ...one }));
        if (message.attachments.length > 0)
            await manager.insert(Attachment, message.attachments);
        await manager.update(Conversation, { id: conversation.id }, {
            messageCount: conversation.messageCount + 1, lastPosition: key.position,
            status: 'ACTIVE', updatedAt: now, lastMessageAt: now,
        });
        await manager.update(Participant, { conversationId: conversation.id },
            { status: 'ACTIVE', lastMessageAt: now });
        await manager.update(Participant, { conversationId: conversation.id, userId: recipient }, {
            unreadCount: () => 'unread_count + 1',
            unreadFrom: () => `CASE unread_count WHEN 0 THEN ${key.position} ELSE unread_from END`,
        });
        const total = await this.addUnread(manager, recipient, 1);
        const view = messageView(message,
            conversation.salonId === senderId ? conversation.salon : conversation.client);
        await manager.insert(OutboxEvent, [
            { audience: `room:${conversation.id}`, name: 'new-message', messageId: message.id,
                conversationId: conversation.id, payload: JSON.stringify(view), createdAt: now },
            { audience: `user:${recipient}`, name: 'unread-count-updated', createdAt: now,
                payload: JSON.stringify({ totalUnread: total }) },
        ]);
        return { view, recipient, total };
    }
}
