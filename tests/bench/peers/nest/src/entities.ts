import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

// PostgreSQL's driver gives 64-bit numbers as texts.
const bigint = {
    type: 'bigint' as const,
    transformer: {
        from: (value: string | null) => (value === null ? null : Number(value)),
        to: (value: number | null) => value,
    },
};

@Entity('users')
export class User {
    @PrimaryColumn('text') id: string;
    @Column('text') role: string;
    @Column('text', { name: 'first_name', nullable: true }) firstName: string | null;
    @Column('text', { name: 'last_name', nullable: true }) lastName: string | null;
    @Column('text', { name: 'salon_name', nullable: true }) salonName: string | null;
    @Column('text', { nullable: true }) image: string | null;
    @Column('text', { nullable: true }) email: string | null;
    @Column({ ...bigint, name: 'unread_total' }) unreadTotal: number;
    @Column({ ...bigint, name: 'active_count' }) activeCount: number;
    @Column({ ...bigint, name: 'archived_count' }) archivedCount: number;
    @Column({ ...bigint, name: 'created_at' }) createdAt: number;
    @Column({ ...bigint, name: 'updated_at' }) updatedAt: number;
}

@Entity('appointments')
export class Appointment {
    @PrimaryColumn('text') id: string;
    @Column('text', { name: 'salon_id' }) salonId: string;
    @Column('text', { name: 'client_user_id' }) clientUserId: string;
    @Column({ ...bigint, name: 'created_at' }) createdAt: number;
}

@Entity('conversations')
export class Conversation {
    @PrimaryColumn('text') id: string;
    @Column('text', { name: 'salon_id' }) salonId: string;
    @ManyToOne(() => User) @JoinColumn({ name: 'salon_id' }) salon: User;
    @Column('text', { name: 'client_user_id' }) clientUserId: string;
    @ManyToOne(() => User) @JoinColumn({ name: 'client_user_id' }) client: User;
    @Column('text', { name: 'appointment_id', nullable: true }) appointmentId: string | null;
    @Column('text', { nullable: true }) subject: string | null;
    @Column('text') status: string;
    @Column({ ...bigint, name: 'message_count' }) messageCount: number;
    @Column({ ...bigint, name: 'last_position' }) lastPosition: number;
    @Column({ ...bigint, name: 'created_at' }) createdAt: number;
    @Column({ ...bigint, name: 'updated_at' }) updatedAt: number;
    @Column({ ...bigint, name: 'last_message_at' }) lastMessageAt: number;
    lastMessage?: Message;
}

@Entity('participants')
export class Participant {
    @PrimaryColumn('text', { name: 'user_id' }) userId: string;
    @PrimaryColumn('text', { name: 'conversation_id' }) conversationId: string;
    @ManyToOne(() => Conversation) @JoinColumn({ name: 'conversation_id' })
    conversation: Conversation;
    @Column('smallint', { name: 'is_salon' }) isSalon: number;
    @Column('text') status: string;
    @Column({ ...bigint, name: 'last_message_at' }) lastMessageAt: number;
    @Column({ ...bigint, name: 'unread_count' }) unreadCount: number;
    /** No unread message is before that position. */
    @Column({ ...bigint, name: 'unread_from' }) unreadFrom: number;
}

@Entity('messages')
export class Message {
    @PrimaryColumn('text', { name: 'conversation_id' }) conversationId: string;
    @PrimaryColumn({ ...bigint }) position: number;
    @Column('text') id: string;
    @Column('text', { name: 'sender_id' }) senderId: string;
    @Column('text') type: string;
    @Column('text') content: string;
    @Column({ ...bigint, name: 'created_at' }) createdAt: number;
    @Column({ ...bigint, name: 'read_at', nullable: true }) readAt: number | null;
    @Column('text', { name: 'client_message_id', nullable: true }) clientMessageId: string | null;
    @Column({ ...bigint, name: 'attachment_count' }) attachmentCount: number;
    attachments?: Attachment[];
}

@Entity('attachments')
export class Attachment {
    @PrimaryColumn('text', { name: 'conversation_id' }) conversationId: string;
    @PrimaryColumn({ ...bigint }) position: number;
    @PrimaryColumn({ ...bigint }) ordinal: number;
    @Column('text') id: string;
    @Column('text', { name: 'file_name' }) fileName: string;
    @Column('text', { name: 'file_url' }) fileUrl: string;
    @Column('text', { name: 'file_type' }) fileType: string;
    @Column({ ...bigint, name: 'file_size' }) fileSize: number;
    @Column('text', { name: 'upload_key', nullable: true }) uploadKey: string | null;
}

@Entity('outbox')
export class OutboxEvent {
    @PrimaryGeneratedColumn('identity', { type: 'bigint' }) seq: string;
    @Column('text') audience: string;
    @Column('text') name: string;
    @Column('text', { name: 'conversation_id', nullable: true }) conversationId: string | null;
    @Column('text', { name: 'message_id', nullable: true }) messageId: string | null;
    @Column('text') payload: string;
    @Column({ ...bigint, name: 'created_at' }) createdAt: number;
}
