// What the service answers with (contract, section 1).

import { Attachment, Conversation, Message, User } from './entities';

const time = (ms: number) => new Date(ms).toISOString();
const optional = <T>(value: T | null | undefined) => value ?? undefined;

export const senderView = (user: User) => ({
    id: user.id,
    firstName: optional(user.firstName),
    lastName: optional(user.lastName),
    salonName: optional(user.salonName),
    image: optional(user.image),
    role: user.role,
});

const attachmentView = ({ id, fileName, fileUrl, fileType, fileSize }: Attachment) =>
    ({ id, fileName, fileUrl, fileType, fileSize });

export const messageView = (message: Message, sender: User) => ({
    id: message.id,
    conversationId: message.conversationId,
    content: message.content,
    type: message.type,
    isRead: message.readAt !== null,
    readAt: message.readAt === null ? undefined : time(message.readAt),
    createdAt: time(message.createdAt),
    sender: senderView(sender),
    attachments: (message.attachments ?? []).map(attachmentView),
    clientMessageId: optional(message.clientMessageId),
});

export const conversationView = (conversation: Conversation, unreadCount: number,
    emails: ReadonlySet<string>) => {
    const person = (user: User) =>
        ({ ...senderView(user), email: emails.has(user.id) ? optional(user.email) : undefined });
    const last = conversation.lastMessage;
    return {
        id: conversation.id,
        salonId: conversation.salonId,
        clientUserId: conversation.clientUserId,
        appointmentId: optional(conversation.appointmentId),
        subject: optional(conversation.subject),
        status: conversation.status,
        salon: person(conversation.salon),
        client: person(conversation.client),
        lastMessage: last && {
            id: last.id,
            content: last.content,
            senderId: last.senderId,
            type: last.type,
            createdAt: time(last.createdAt),
        },
        unreadCount,
        createdAt: time(conversation.createdAt),
        updatedAt: time(conversation.updatedAt),
        lastMessageAt: time(conversation.lastMessageAt),
    };
};
